# This is NOT 3D Slicer. It stands in for an installed Slicer while this extension is configured, so that mistakes in
# its CMakeLists.txt files are found without one.
#
# It proves: project() precedes the use file; every EXTENSION_* field is set, once, as one text; every listed file
# exists and every file of the tree is listed, once; no keyword is misspelt; the files land where Slicer's own macro
# puts them; the module's tests are registered with CTest; the configuration and packaging files are reached.
# It proves nothing about compiling, running in Slicer, the package itself or the Extensions Manager.
set(Slicer_FOUND TRUE)
set(Slicer_VERSION "stub")
set(Slicer_QTSCRIPTEDMODULES_LIB_DIR "lib/Slicer-stub/qt-scripted-modules")
# Tests that need Slicer fail here if somebody runs them.
set(Slicer_LAUNCHER_EXECUTABLE "${CMAKE_COMMAND}" -E false)

set(Slicer_USE_FILE "${CMAKE_CURRENT_LIST_DIR}/UseSlicer.cmake")
set(Slicer_EXTENSION_GENERATE_CONFIG "${CMAKE_CURRENT_LIST_DIR}/GenerateConfig.cmake")
set(Slicer_EXTENSION_CPACK "${CMAKE_CURRENT_LIST_DIR}/CPack.cmake")
