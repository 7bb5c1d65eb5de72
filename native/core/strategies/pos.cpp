// POS: partial order sampling (Yuan, Yang, Gu, CAV 2018, algorithm 2).
//
// Each pending operation has a random priority; the highest is executed; after it, the priorities of the
// operations that conflict with it are drawn again, which makes each partial order more evenly likely than a
// random walk does. The clock takes part as a pending operation that conflicts with nothing.
// Invariant: every ready task has a priority for the operation it is about to do.
#include <vector>

#include "strategies.hpp"

namespace unblink {
namespace {

class Pos final : public Strategy {
 public:
  void begin(const StrategyOptions& options) override {
    rng_.reseed(options.seed);
    priority_.clear();
    drawn_for_.clear();
    clock_ = rng_.unit();
  }

  void spawned(TaskId task, TaskId, std::int32_t) override {
    const auto wanted = static_cast<std::size_t>(task) + 1;
    while (priority_.size() < wanted) priority_.push_back(rng_.unit());
    drawn_for_.resize(priority_.size(), 0);
  }

  TaskId choose(const Situation& s) override {
    TaskId best = kNone;
    s.ready.each([&](TaskId t) {
      const std::uint64_t since = s.tasks.pending(t).since;  // another operation than the one that was drawn for?
      auto& drawn = drawn_for_[static_cast<std::size_t>(t)];
      if (drawn != since) {
        drawn = since;
        of(t) = rng_.unit();
      }
      if (best == kNone || of(t) > of(best)) best = t;
    });
    if (s.clock_allowed && clock_ > of(best)) {
      clock_ = rng_.unit();
      return kClock;
    }
    const Pending& chosen = s.tasks.pending(best);
    s.ready.each([&](TaskId t) {
      if (t != best && s.tasks.pending(t).conflicts(chosen)) of(t) = rng_.unit();
    });
    return best;
  }

 private:
  double& of(TaskId task) { return priority_[static_cast<std::size_t>(task)]; }

  Rng rng_;
  std::vector<double> priority_;
  std::vector<std::uint64_t> drawn_for_;  // the step at which the operation came that the priority is for
  double clock_ = 0.0;
};

}  // namespace

std::unique_ptr<Strategy> make_pos() { return std::make_unique<Pos>(); }

}  // namespace unblink
