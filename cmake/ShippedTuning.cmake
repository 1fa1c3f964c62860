# kernels/tuned/*.json as one C++ string: the tuning tables that Lath ships.
# cmake -DFILES=... -DOUTPUT=... -P
set(text "")
set(first TRUE)
foreach(file ${FILES})
  file(READ "${file}" content)
  if(NOT content MATCHES "^[^\n]*\"version\": 2, \"groups\": \\[\n")
    message(FATAL_ERROR "${file} is no export of this `lath tune`: "
      "write it anew by `lath tune --merge ${file} --export NEW`")
  endif()
  # The header's line and the tail go: groups of all files form one list.
  string(REGEX REPLACE "^[^\n]*\"groups\": \\[\n" "" content "${content}")
  string(REGEX REPLACE "\n\\]}\n*$" "" content "${content}")
  if(NOT first)
    string(APPEND text ",\n")
  endif()
  string(APPEND text "${content}")
  set(first FALSE)
endforeach()
# Compilers limit the length of a literal; adjacent ones are joined.
string(REPLACE "\n" "\n)lath\"\nR\"lath(" text "${text}")
file(WRITE "${OUTPUT}" "#include \"ShippedTuning.h\"
namespace lath {
std::string_view shippedTuningJson() {
  return R\"lath({\"format\": \"lath tuning\", \"version\": 2, \"groups\": [
${text}
]})lath\";
}
} // namespace lath
")
