// What is remembered of each shared location: the last few accesses by different tasks.
//
// A cell keeps up to four accesses, as ThreadSanitizer's shadow words do, each with the epoch at which it
// happened. Two accesses conflict when at least one writes, and race when neither happens before the other.
// The table has a fixed size, is emptied in O(1), and forgets a location when another one needs its cell:
// then a conflict may be learned one execution later, never a false one.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "clocks.hpp"
#include "types.hpp"

namespace unblink {

struct Access {
  TaskId task = kNone;
  Tick tick = 0;
  SiteId site = kNoSite;
  std::uint64_t locks = 0;  // one bit, by hash, for each lock held: no common bit means no common lock
  bool writes = false;
  bool part = false;  // of one item of a container, seen from the container as a whole

  bool conflicts(const Access& other) const {
    return (writes || other.writes) && !(part && other.part);
  }
};

class Shadow {
 public:
  explicit Shadow(unsigned bits = 13) : cells_(std::size_t{1} << bits), shift_(64 - bits) {}

  void clear() { ++generation_; }

  // Enters `now` at `location`; calls `racing(earlier)` for each remembered access of another task that conflicts
  // with it and is unordered with it by `clock`, one of the current task's.
  template <class F>
  void enter(Key location, const Access& now, const VectorClock& clock, F&& racing) {
    Cell& cell = cells_[static_cast<std::size_t>((location * 0x9E3779B97F4A7C15ULL) >> shift_)];
    if (cell.location != location || cell.generation != generation_) {
      cell.location = location;
      cell.generation = generation_;
      cell.count = 1;
      cell.accesses[0] = now;
      return;
    }
    unsigned place = kNowhere;
    for (unsigned i = 0; i < cell.count; ++i) {
      Access& earlier = cell.accesses[i];
      if (earlier.task == now.task) {
        if (earlier.site == now.site || (now.writes && earlier.writes)) place = i;
        continue;
      }
      if (earlier.conflicts(now) && earlier.tick > clock.of(earlier.task)) racing(earlier);
    }
    if (place == kNowhere) {
      if (cell.count < cell.accesses.size())
        place = cell.count++;
      else
        place = cell.victim++ % static_cast<unsigned>(cell.accesses.size());
    }
    cell.accesses[place] = now;
  }

 private:
  static constexpr unsigned kNowhere = UINT32_MAX;
  struct Cell {
    Key location = 0;
    std::uint64_t generation = 0;
    std::uint8_t count = 0;
    std::uint8_t victim = 0;
    std::array<Access, 5> accesses{};
  };
  std::vector<Cell> cells_;
  unsigned shift_;
  std::uint64_t generation_ = 1;
};

}  // namespace unblink
