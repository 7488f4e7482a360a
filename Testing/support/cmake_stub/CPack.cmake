# Slicer sets up packaging here.
if(NOT STUB_DESCRIPTION_FILE)
  message(FATAL_ERROR "include(\${Slicer_EXTENSION_GENERATE_CONFIG}) must come before include(\${Slicer_EXTENSION_CPACK})")
endif()
file(APPEND "${STUB_DESCRIPTION_FILE}" "PACKAGED=yes\n")
