# What users get: the libraries lath::lath (everything) and lath::runtime
# (packs, without a compiler), their headers, a CMake package and pkg-config
# files.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# --- Headers -----------------------------------------------------------------

set(LATH_PUBLIC_HEADERS
  compiler/base/Api.h compiler/base/Dtype.h compiler/base/Error.h compiler/base/Ptx.h
  compiler/base/Schedule.h compiler/base/Target.h compiler/Compile.h compiler/dsl/Index.h
  compiler/dsl/Program.h compiler/dsl/Tile.h compiler/dsl/View.h
  compiler/ir/Layout.h
  kernels/gemm/CompileGemm.h kernels/gemm/Epilogue.h kernels/gemm/GemmSpec.h
  kernels/gemm/MBuckets.h kernels/gemm/Operands.h kernels/gemm/Schedule.h
  kernels/gemm/WeightFormat.h kernels/launch/Kernel.h
  kernels/checkpoint/Checkpoint.h kernels/checkpoint/ReadLayer.h
  kernels/weights/Gptq.h kernels/weights/PackedWeights.h kernels/choose/ScheduleChoice.h
  kernels/pack/Models.h kernels/pack/Pack.h kernels/pack/PackWriter.h
  kernels/programs/ProgramSpace.h kernels/programs/TunableProgram.h
  kernels/tuned/TuningTable.h kernels/tune/Tuner.h kernels/tune/ProgramTuner.h
  kernels/engine/Engine.h
  kernels/lath.h kernels/c/lath_c.h
  runtime/Assemble.h runtime/CubinCache.h runtime/CudaApi.h runtime/CudaDevice.h runtime/Device.h
  runtime/Driver.h runtime/EmulatedDevice.h runtime/Environment.h
  runtime/NvJitLink.h runtime/TensorMap.h runtime/Toolchain.h
  runtime/emulator/Counters.h runtime/emulator/Report.h)
# The two that users name lie at the top.
set(headers "")
foreach(header ${LATH_PUBLIC_HEADERS})
  string(REGEX REPLACE "^kernels/(c/)?(lath(_c)?\\.h)$" "\\2" name "${header}")
  set(out "${PROJECT_BINARY_DIR}/include/lath/${name}")
  add_custom_command(OUTPUT "${out}"
    COMMAND "${CMAKE_COMMAND}" "-DIN=${PROJECT_SOURCE_DIR}/${header}" "-DOUT=${out}"
      -P "${PROJECT_SOURCE_DIR}/cmake/PublicHeader.cmake"
    DEPENDS "${PROJECT_SOURCE_DIR}/${header}" "${PROJECT_SOURCE_DIR}/cmake/PublicHeader.cmake"
    VERBATIM)
  list(APPEND headers "${out}")
endforeach()
add_custom_target(lath-headers ALL DEPENDS ${headers})

# --- lath::lath --------------------------------------------------------------

# lath_shared_library(target name exported sources...): `name` is the file's and
# that of the exported target. Only symbols that are marked LATH_API, and
# listed, leave it.
function(lath_shared_library target name map)
  add_library(${target} SHARED ${ARGN})
  add_library(lath::${name} ALIAS ${target})
  add_dependencies(${target} lath-headers)
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name}
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
    LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib"
    LINK_DEPENDS "${PROJECT_SOURCE_DIR}/cmake/${map}")
  target_link_options(${target} PRIVATE
    "-Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/${map}" -Wl,--no-undefined
    -Wl,-Bsymbolic-functions)
  target_include_directories(${target} INTERFACE
    "$<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>"
    "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
endfunction()

lath_shared_library(lath_shared lath lath.map "${PROJECT_SOURCE_DIR}/cmake/Empty.cpp")
set_target_properties(lath_shared PROPERTIES OUTPUT_NAME lath)
target_link_libraries(lath_shared PRIVATE lath_flags lath_kernels lath_compiler lath_runtime
  lath_base)
# All of them: nothing inside the library asks for what users will.
set_target_properties(lath_shared PROPERTIES
  LINK_LIBRARY_OVERRIDE "WHOLE_ARCHIVE,lath_kernels,lath_compiler,lath_runtime,lath_base")
target_compile_features(lath_shared INTERFACE cxx_std_20)

# --- lath::runtime -----------------------------------------------------------

# Compiled anew: small, without the emulator and the assemblers, and with the
# C++ library inside, so that it runs wherever libc does.
list(TRANSFORM LATH_RUNTIME_SOURCES PREPEND "${PROJECT_SOURCE_DIR}/" OUTPUT_VARIABLE sources)
lath_shared_library(lath_runtime_shared runtime lath_runtime.map ${sources})
set_target_properties(lath_runtime_shared PROPERTIES OUTPUT_NAME lath_runtime)
target_compile_definitions(lath_runtime_shared PRIVATE LATH_RUNTIME_ONLY
  FMT_STATIC_THOUSANDS_SEPARATOR=',')
target_include_directories(lath_runtime_shared SYSTEM PRIVATE "${LATH_XXHASH_INCLUDE}")
target_compile_options(lath_runtime_shared PRIVATE -Os -ffunction-sections -fdata-sections)
target_link_options(lath_runtime_shared PRIVATE -static-libstdc++ -static-libgcc
  -Wl,--gc-sections -Wl,--exclude-libs,ALL -Wl,-s)
target_link_libraries(lath_runtime_shared PRIVATE lath_flags lath_version
  fmt::fmt-header-only ${CMAKE_DL_LIBS})

# --- Install -----------------------------------------------------------------

# What a build of some targets left out is built before it is installed.
set(installed lath_shared lath_runtime_shared)
if(TARGET lath)
  list(APPEND installed lath)
endif()
set(files ${headers})
foreach(target ${installed})
  list(APPEND files "$<TARGET_FILE:${target}>")
endforeach()
install(CODE "
  set(files \"${files}\")
  set(missing \"\")
  foreach(file IN LISTS files)
    if(NOT EXISTS \"\${file}\")
      list(APPEND missing \"\${file}\")
    endif()
  endforeach()
  if(missing)
    list(LENGTH missing count)
    message(STATUS \"Building \${count} files that are to be installed and not there\")
    execute_process(COMMAND \"${CMAKE_COMMAND}\" --build \"${PROJECT_BINARY_DIR}\"
      --target lath-headers ${installed} RESULT_VARIABLE failed)
    if(failed)
      message(FATAL_ERROR \"Lath cannot be installed: its build failed (\${failed})\")
    endif()
  endif()")
foreach(header ${headers})
  file(RELATIVE_PATH name "${PROJECT_BINARY_DIR}/include" "${header}")
  get_filename_component(folder "${name}" DIRECTORY)
  install(FILES "${header}" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/${folder}")
endforeach()
install(TARGETS lath_shared lath_runtime_shared EXPORT lath
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
if(TARGET lath)
  install(TARGETS lath RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()
install(EXPORT lath NAMESPACE lath:: FILE lath-targets.cmake
  DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/lath")
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/lath-config.cmake.in"
  "${PROJECT_BINARY_DIR}/lath-config.cmake"
  INSTALL_DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/lath")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/lath-config-version.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/lath-config.cmake"
  "${PROJECT_BINARY_DIR}/lath-config-version.cmake"
  DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/lath")

# Relative to the file, so that the tree may be moved after it was installed.
foreach(which lath lath_runtime)
  set(LATH_PC_NAME ${which})
  string(REPLACE "lath_runtime" "Lath runtime" LATH_PC_TITLE "${which}")
  string(REGEX REPLACE "^lath$" "Lath" LATH_PC_TITLE "${LATH_PC_TITLE}")
  file(RELATIVE_PATH LATH_PC_PREFIX "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
  configure_file("${PROJECT_SOURCE_DIR}/cmake/lath.pc.in" "${PROJECT_BINARY_DIR}/${which}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${which}.pc"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endforeach()
