// A tuning worker on the emulator whose candidates misbehave as its arguments
// say: HOW=SCHEDULE, with HOW one of
//   crash       the process ends when the candidate is checked
//   hang        it never answers
//   wrong       the candidate's code computes something else
//   crash-late  the process ends when the candidate is timed
//   hang-late   likewise, it never answers
// or crash-prepare=SPEC: it ends when that problem is prepared.
#include "kernels/tune/TuneWorker.h"
#include "runtime/EmulatedDevice.h"

#include <csignal>
#include <cstdlib>
#include <map>
#include <string>
#include <unistd.h>

using namespace lath;

namespace {

void misbehave(const std::string &how) {
  if (how.starts_with("crash"))
    std::raise(SIGKILL);
  while (how.starts_with("hang"))
    pause();
}

class Planted final : public Measurer {
public:
  explicit Planted(std::map<std::string, std::string> plants)
      : real_(measureHere(openEmulator())), plants_(std::move(plants)) {}

  void prepare(const GemmSpec &spec, std::uint64_t seed) override {
    if (auto found = plants_.find(print(spec)); found != plants_.end())
      misbehave(found->second);
    real_->prepare(spec, seed);
  }
  TuneVerdict check(const TuneCandidate &candidate) override {
    std::string how = plant(candidate.gemm.schedule);
    if (how == "crash" || how == "hang")
      misbehave(how);
    hows_[candidate.id] = how;
    if (how != "wrong")
      return real_->check(candidate);
    TuneCandidate wrong = candidate;
    std::string &text = wrong.gemm.ptx.text;
    // The subtraction of the zero point becomes a multiplication.
    for (std::size_t at = 0;
         (at = text.find("add.rn.f16x2", at)) != std::string::npos;)
      text.replace(at, 3, "mul");
    return real_->check(wrong);
  }
  std::vector<TuneSamples> time(const std::vector<int> &ids, std::int64_t m,
                                int replays) override {
    for (int id : ids)
      if (hows_[id].ends_with("-late"))
        misbehave(hows_[id]);
    return real_->time(ids, m, replays);
  }
  std::vector<TuneSamples> timeWarm(int id, std::int64_t m,
                                    int replays) override {
    return real_->timeWarm(id, m, replays);
  }
  void drop(const std::vector<int> &ids) override { real_->drop(ids); }
  DeviceProbe probe() override { return real_->probe(); }
  const DeviceInfo &device() const override { return real_->device(); }
  std::string unit() const override { return real_->unit(); }

private:
  std::string plant(const Schedule &schedule) const {
    auto found = plants_.find(print(schedule));
    return found == plants_.end() ? "" : found->second;
  }

  std::unique_ptr<Measurer> real_;
  std::map<std::string, std::string> plants_; ///< how, by schedule
  std::map<int, std::string> hows_;
};

} // namespace

int main(int argc, char **argv) {
  std::map<std::string, std::string> plants;
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    std::size_t equals = word.find('=');
    if (equals == std::string::npos)
      return 3; // no worker at all: for a test of that
    plants[word.substr(equals + 1)] = word.substr(0, equals);
  }
  return serveMeasurer([&] { return std::make_unique<Planted>(plants); });
}
