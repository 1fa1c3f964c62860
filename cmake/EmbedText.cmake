# A text file as a C++ function that returns it.
# cmake -DINPUT=... -DOUTPUT=... -DFUNCTION=lath::cli::reportPage -P
file(READ "${INPUT}" text)
# Compilers limit the length of a literal; adjacent ones are joined.
string(REPLACE "\n" "\n)lath\"\nR\"lath(" text "${text}")
string(REGEX REPLACE "::[^:]*$" "" namespace "${FUNCTION}")
string(REGEX REPLACE "^.*::" "" function "${FUNCTION}")
file(WRITE "${OUTPUT}" "#include <string_view>
namespace ${namespace} {
std::string_view ${function}();
std::string_view ${function}() {
  return R\"lath(${text})lath\";
}
} // namespace ${namespace}
")
