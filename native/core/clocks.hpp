// Vector clocks (Fidge, Mattern), kept in pools that outlive executions.
//
// Happens-before is what FastTrack (Flanagan, Freund, PLDI 2009, section 2.1) defines over start, join and
// the release and acquisition of synchronisation objects. Invariant: entry t of a task's own clock is the
// number of the task's current epoch and is greater than entry t of every other clock.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "types.hpp"

namespace unblink {

using Tick = std::uint32_t;

// A task and the number of its epoch in one word.
using Epoch = std::uint64_t;
inline Epoch epoch_of(TaskId task, Tick tick) { return static_cast<Epoch>(task) << 32 | tick; }
inline TaskId task_of(Epoch epoch) { return static_cast<TaskId>(epoch >> 32); }

class VectorClock {
 public:
  void clear() { ticks_.clear(); }
  Tick of(TaskId t) const {
    return static_cast<std::size_t>(t) < ticks_.size() ? ticks_[static_cast<std::size_t>(t)] : 0;
  }
  void advance(TaskId t) { ++slot(t); }
  void join(const VectorClock& other) {
    if (ticks_.size() < other.ticks_.size()) ticks_.resize(other.ticks_.size(), 0);
    for (std::size_t i = 0; i < other.ticks_.size(); ++i) ticks_[i] = std::max(ticks_[i], other.ticks_[i]);
  }
  void assign(const VectorClock& other) { ticks_.assign(other.ticks_.begin(), other.ticks_.end()); }

 private:
  Tick& slot(TaskId t) {
    if (ticks_.size() <= static_cast<std::size_t>(t)) ticks_.resize(static_cast<std::size_t>(t) + 1, 0);
    return ticks_[static_cast<std::size_t>(t)];
  }
  std::vector<Tick> ticks_;
};

// Hands out clocks for synchronisation objects; reset() takes all back without freeing any.
class ClockPool {
 public:
  static constexpr std::uint32_t kNothing = UINT32_MAX;
  void reset() { used_ = 0; }
  std::uint32_t take() {
    if (used_ == clocks_.size()) clocks_.emplace_back();
    clocks_[used_].clear();
    return used_++;
  }
  VectorClock& operator[](std::uint32_t i) { return clocks_[i]; }

 private:
  std::vector<VectorClock> clocks_;
  std::uint32_t used_ = 0;
};

}  // namespace unblink
