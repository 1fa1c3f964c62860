// The text of an epilogue.
#include "kernels/gemm/Epilogue.h"

#include "compiler/base/KeyedText.h"

namespace lath {

std::string print(const Epilogue &epilogue) {
  std::string text;
  for (const EpilogueStep &step : epilogueSteps)
    if (int value = step.get(epilogue)) {
      text += text.empty() ? "" : ",";
      text += step.key;
      text += "=";
      text += step.words[static_cast<std::size_t>(value)];
    }
  return text;
}

Epilogue parseEpilogue(std::string_view text) {
  std::array<std::string_view, epilogueSteps.size()> keys;
  for (std::size_t i = 0; i < keys.size(); ++i)
    keys[i] = epilogueSteps[i].key;
  Epilogue epilogue;
  if (text.empty())
    return epilogue;
  // Options stand behind a comma, as in a spec.
  const std::string options = "," + std::string(text);
  KeyedText parsed(options, {}, keys, ",bias=yes");
  for (const EpilogueStep &step : epilogueSteps)
    step.set(epilogue,
             static_cast<int>(parsed.choice(step.key, step.words, 0)));
  return epilogue;
}

} // namespace lath
