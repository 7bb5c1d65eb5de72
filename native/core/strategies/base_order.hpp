// The order in which tasks go on where a search has no wish of its own: whoever runs goes on; when it cannot, the
// oldest, the youngest, or one by a random rank. (That nobody runs for ever is the engine's affair.)
#pragma once
#include <vector>

#include "../rng.hpp"
#include "../strategy.hpp"

namespace unblink {

enum class Base : std::uint8_t { kOldest, kYoungest, kRandom };

class BaseOrder {
 public:
  void begin(Base base) {
    base_ = base;
    ranks_.clear();
  }

  // The next of the ready tasks for which `may` holds; kNone if it holds for none.
  template <class F>
  TaskId pick(const Situation& s, Rng& rng, F&& may) {
    if (s.ready.has(s.current) && may(s.current)) return s.current;
    TaskId best = kNone;
    s.ready.each([&](TaskId task) {
      if (!may(task)) return;
      if (best == kNone || before(task, best, rng)) best = task;
    });
    return best;
  }

 private:
  bool before(TaskId a, TaskId b, Rng& rng) {
    if (base_ == Base::kOldest) return a < b;
    if (base_ == Base::kYoungest) return a > b;
    return rank(a, rng) < rank(b, rng);
  }
  double rank(TaskId task, Rng& rng) {
    while (ranks_.size() <= static_cast<std::size_t>(task)) ranks_.push_back(rng.unit());
    return ranks_[static_cast<std::size_t>(task)];
  }

  Base base_ = Base::kOldest;
  std::vector<double> ranks_;
};

}  // namespace unblink
