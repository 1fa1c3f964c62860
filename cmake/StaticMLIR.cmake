# Links MLIR and LLVM as shared libraries or as archives.
#
# Debian exports every static MLIRxxx target with INTERFACE_LINK_LIBRARIES
# "...;LLVM", which is the *shared* libLLVM (LLVM_LINK_LLVM_DYLIB=ON). So the
# static link walks the closure itself and hands the linker archives only.
# Shared and static copies must never meet in one program.

# Sets `outvar` to all MLIR and LLVM targets that the given ones need.
function(lath_llvm_closure outvar)
  set(todo ${ARGN})
  set(seen "")
  while(todo)
    list(POP_FRONT todo t)
    string(REGEX REPLACE "^\\$<LINK_ONLY:(.*)>$" "\\1" t "${t}")
    if(t STREQUAL "LLVM" OR t STREQUAL "MLIR" OR NOT TARGET ${t} OR t IN_LIST seen
        OR NOT t MATCHES "^(MLIR|LLVM)")
      continue()
    endif()
    list(APPEND seen ${t})
    get_target_property(d ${t} INTERFACE_LINK_LIBRARIES)
    if(d)
      list(APPEND todo ${d})
    endif()
  endwhile()
  set(${outvar} ${seen} PARENT_SCOPE)
endfunction()

# lath_link_mlir(target <MLIR and LLVM component targets>...): the list counts
# for the static link only; the shared libraries hold everything.
function(lath_link_mlir target)
  target_link_libraries(${target} PRIVATE lath_mlir_headers)
  if(NOT LATH_STATIC_LLVM)
    target_link_libraries(${target} PRIVATE MLIR LLVM)
    return()
  endif()
  foreach(t ${ARGN})
    if(NOT TARGET ${t})
      message(FATAL_ERROR "${target}: there is no library called ${t}")
    endif()
  endforeach()
  lath_llvm_closure(libs ${ARGN})
  set(files "")
  foreach(l ${libs})
    get_target_property(type ${l} TYPE)
    if(type STREQUAL "STATIC_LIBRARY")
      list(APPEND files $<TARGET_FILE:${l}>)
    endif()
  endforeach()
  list(LENGTH files n)
  message(STATUS "Lath: ${target} links ${n} static archives")
  find_library(LATH_LIBZ NAMES libz.a REQUIRED)
  find_library(LATH_LIBZSTD NAMES libzstd.a REQUIRED)
  list(JOIN files "," files)
  target_link_libraries(${target} PRIVATE "$<LINK_GROUP:RESCAN,${files}>"
    ${LATH_LIBZ} ${LATH_LIBZSTD} m ${CMAKE_DL_LIBS} rt pthread)
endfunction()
