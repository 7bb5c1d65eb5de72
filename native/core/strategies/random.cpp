// A uniform choice among all that can go on, at each decision: the baseline of every study.
#include "strategies.hpp"

namespace unblink {
namespace {

class Random final : public Strategy {
 public:
  void begin(const StrategyOptions& options) override { rng_.reseed(options.seed); }
  void spawned(TaskId, TaskId, std::int32_t) override {}
  TaskId choose(const Situation& s) override {
    const int n = static_cast<int>(rng_.below(static_cast<std::uint32_t>(s.candidates())));
    return n < s.ready.count() ? s.ready.nth(n) : kClock;
  }

 private:
  Rng rng_;
};

}  // namespace

std::unique_ptr<Strategy> make_random() { return std::make_unique<Random>(); }

}  // namespace unblink
