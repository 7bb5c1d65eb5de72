#include "surw.hpp"

#include "strategies.hpp"

namespace unblink {
namespace {

class Surw final : public Strategy {
 public:
  explicit Surw(const Knowledge& knowledge) : knowledge_(knowledge) {}
  void begin(const StrategyOptions& options) override {
    rng_.reseed(options.seed);
    walk_.begin(knowledge_, rng_);
  }
  void spawned(TaskId task, TaskId parent, std::int32_t) override { walk_.spawned(task, parent, rng_); }
  TaskId choose(const Situation& s) override { return walk_.choose(s, rng_); }

 private:
  const Knowledge& knowledge_;
  Rng rng_;
  SelectiveWalk walk_;
};

}  // namespace

std::unique_ptr<Strategy> make_surw(Knowledge& knowledge) { return std::make_unique<Surw>(knowledge); }

}  // namespace unblink
