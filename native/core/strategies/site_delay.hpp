// One execution in which some sites are late: tasks that are about to pass one run only when nothing else can.
//
// Holding a site catches every task at that code, so the cost of a search does not grow with the number of tasks. While
// nothing else can go on, the clock may: a task that is held back is one on a slow machine.
#pragma once
#include <algorithm>
#include <vector>

#include "base_order.hpp"

namespace unblink {

enum class Release : std::uint8_t {
  kRunsOn,   // once stuck, a task that was let go is as any other until its next pass
  kInverted, // once stuck, delayed tasks go first
  kOff       // once stuck, the delay is over
};

struct Delay {
  std::vector<SiteId> sites;
  std::uint32_t skip = 0;  // passes of each task that are not delayed
  Release release = Release::kRunsOn;
  Base base = Base::kOldest;
};

class SiteDelay {
 public:
  void begin(Delay delay) {
    delay_ = std::move(delay);
    order_.begin(delay_.base);
    stuck_ = false;
  }

  TaskId choose(const Situation& s, Rng& rng) {
    if (stuck_ && delay_.release == Release::kOff) return order_.pick(s, rng, [](TaskId) { return true; });
    const auto late = [&](TaskId task) {
      const Pending& pending = s.tasks.pending(task);
      return pending.occurrence > delay_.skip &&
             std::find(delay_.sites.begin(), delay_.sites.end(), pending.site) != delay_.sites.end();
    };
    if (stuck_ && delay_.release == Release::kInverted) {
      const TaskId first = order_.pick(s, rng, late);
      if (first != kNone) return first;
    }
    const TaskId other = order_.pick(s, rng, [&](TaskId task) { return !late(task); });
    if (other != kNone) return other;
    if (s.clock_allowed) return kClock;
    stuck_ = true;
    return order_.pick(s, rng, [](TaskId) { return true; });
  }

 private:
  Delay delay_;
  BaseOrder order_;
  bool stuck_ = false;
};

}  // namespace unblink
