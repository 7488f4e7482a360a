# Registers tests under the names that Slicer gives them; none can run, for want of a Slicer.

macro(slicer_add_python_unittest)
  cmake_parse_arguments(STUB "" "TESTNAME_PREFIX;SCRIPT" "SLICER_ARGS" ${ARGN})
  if(STUB_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "slicer_add_python_unittest: unknown keywords '${STUB_UNPARSED_ARGUMENTS}'")
  endif()
  if(NOT EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${STUB_SCRIPT}")
    message(FATAL_ERROR "slicer_add_python_unittest: there is no script '${STUB_SCRIPT}'")
  endif()
  get_filename_component(stub_script_name "${STUB_SCRIPT}" NAME_WE)
  add_test(NAME "py_${STUB_TESTNAME_PREFIX}${stub_script_name}" COMMAND ${Slicer_LAUNCHER_EXECUTABLE})
endmacro()

function(stub_add_generic_test module)
  add_test(NAME "py_nomainwindow_qSlicer${module}ModuleGenericTest" COMMAND ${Slicer_LAUNCHER_EXECUTABLE})
endfunction()
