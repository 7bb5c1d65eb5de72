// One execution in which an order that was seen is turned round: tasks are held at a site until another task has passed
// a second one.
//
// Of a pair (p, s), every task at p is held until another has done s. Of a triple (a, s, p), a task that has done a is held
// at p until another has done s. If all tasks are held and the clock cannot go on either, they are let go.
#pragma once
#include <vector>

#include "base_order.hpp"

namespace unblink {

struct Target {
  SiteId before = kNoSite;  // a, of a triple
  SiteId held = kNoSite;    // p
  SiteId until = kNoSite;   // s
};

class Flip {
 public:
  // `back`: control returns to the held task at once when the other has passed; otherwise the other runs on.
  void begin(const Target& target, bool back, Base base) {
    target_ = target;
    back_ = back;
    order_.begin(base);
    phase_ = Phase::kHolding;
    first_ = second_ = kNone;
    cursor_ = 0;
  }

  TaskId choose(const Situation& s, Rng& rng) {
    follow(s);
    if (phase_ == Phase::kReturning) {
      phase_ = Phase::kDone;
      if (s.ready.has(second_)) return second_;
    }
    if (phase_ == Phase::kDone) return order_.pick(s, rng, [](TaskId) { return true; });
    if (target_.before == kNoSite && target_.held == target_.until && first_ == kNone)
      s.ready.each([&](TaskId task) {
        if (first_ == kNone && s.tasks.pending(task).site == target_.held) first_ = task;
      });
    const auto held = [&](TaskId task) { return is_held(task, s); };
    bool any = false;
    TaskId passing = kNone;
    s.ready.each([&](TaskId task) {
      if (held(task)) {
        any = true;
        second_ = task;
      } else if (passing == kNone && s.tasks.pending(task).site == target_.until) {
        passing = task;
      }
    });
    if (any && passing != kNone) {
      phase_ = back_ ? Phase::kReturning : Phase::kDone;
      return passing;
    }
    const TaskId other = order_.pick(s, rng, [&](TaskId task) { return !held(task); });
    if (other != kNone) return other;
    if (s.clock_allowed) return kClock;
    phase_ = Phase::kDone;
    return order_.pick(s, rng, [](TaskId) { return true; });
  }

 private:
  enum class Phase : std::uint8_t { kHolding, kReturning, kDone };

  // Which task was the first to do `before`.
  void follow(const Situation& s) {
    for (; target_.before != kNoSite && cursor_ < s.log.size(); ++cursor_)
      if (first_ == kNone && s.log[cursor_].site == target_.before && s.log[cursor_].task >= 0) first_ = s.log[cursor_].task;
  }

  bool is_held(TaskId task, const Situation& s) const {
    if (s.tasks.pending(task).site != target_.held) return false;
    if (target_.before != kNoSite || target_.held == target_.until) return task == first_;
    return true;
  }

  Target target_;
  bool back_ = false;
  BaseOrder order_;
  Phase phase_ = Phase::kHolding;
  TaskId first_ = kNone, second_ = kNone;
  std::size_t cursor_ = 0;
};

}  // namespace unblink
