// What is remembered of each shared location: the last few accesses by different tasks.
//
// A cell keeps up to five accesses, as ThreadSanitizer's shadow words do, each with the epoch at which it
// happened. Two accesses conflict when at least one writes, and race when neither happens before the other.
// The table has a fixed size, is emptied in O(1), and forgets a location when another one needs its cell:
// then a conflict may be learned one execution later, never a false one.
//
// Nearly all locations are used by one task, so a cell has a front of one cache line that is enough for those:
// as long as one task alone has come, in one epoch and under the same locks, its accesses differ in their sites only.
// Invariant: the accesses at the back are right only where `spread`; where not, the front says what they would be.
// An access in `fresh` was entered in the front's epoch and under its locks: to enter it again changes nothing.
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
  explicit Shadow(unsigned bits = 13)
      : fronts_(std::size_t{1} << bits), backs_(std::size_t{1} << bits), shift_(64 - bits) {}

  void clear() { ++generation_; }

  // Whether to enter such an access would change nothing. The common case by far: one load of a cache line, no call.
  bool knows(Key location, Epoch epoch, std::uint64_t locks, SiteId site, bool writes, bool part) const {
    const Front& front = fronts_[slot(location)];
    if (front.location != location || front.generation != generation_) return false;
    if (front.epoch != epoch || front.locks != locks) return false;
    const std::uint32_t form = form_of(site, writes, part);
    unsigned found = 0;  // without a branch for each, since any of them may be the one
    for (unsigned i = 0; i < kMost; ++i) found |= static_cast<unsigned>(front.forms[i] == form) << i;
    return (found & front.fresh) != 0;
  }

  // Enters `now` at `location`; calls `racing(earlier)` for each remembered access of another task that conflicts
  // with it and is unordered with it by `clock`, one of the current task's.
  template <class F>
  void enter(Key location, const Access& now, const VectorClock& clock, F&& racing) {
    const std::size_t number = slot(location);
    Front& front = fronts_[number];
    const std::uint32_t form = form_of(now.site, now.writes, now.part);
    if (front.location != location || front.generation != generation_) {
      front.location = location;
      front.generation = generation_;
      front.count = front.victim = 0;
      front.spread = false;
      begin_epoch(front, now);
      put(front, front.count++, form);
      return;
    }
    const bool same_epoch = front.epoch == epoch_of(now.task, now.tick) && front.locks == now.locks;
    if (same_epoch && !front.spread) {
      unsigned place = kNowhere;
      for (unsigned i = 0; i < front.count; ++i)
        if (((front.forms[i] ^ form) & kPart) == 0 && (((front.forms[i] ^ form) & kSite) == 0 || (front.forms[i] & form & kWrites)))
          place = i;
      put(front, place == kNowhere ? free_place(front) : place, form);
      return;
    }
    enter_spread(front, backs_[number], now, clock, same_epoch, racing);
  }

 private:
  static constexpr unsigned kNowhere = UINT32_MAX;
  static constexpr unsigned kMost = 5;
  // A site and what is done there, in one word. No program has 2**30 sites.
  static constexpr std::uint32_t kWrites = 1U << 30, kPart = 1U << 31, kSite = kWrites - 1;
  static constexpr Epoch kSeveral = UINT64_MAX;  // no task's epoch

  struct alignas(64) Front {
    Key location = 0;
    std::uint64_t generation = 0;
    std::uint64_t locks = 0;
    Epoch epoch = kSeveral;  // of the one task that has come
    std::array<std::uint32_t, kMost> forms{};
    std::uint8_t count = 0;
    std::uint8_t victim = 0;
    std::uint8_t fresh = 0;
    bool spread = false;
  };
  static_assert(sizeof(Front) == 64);
  using Back = std::array<Access, kMost>;

  static std::uint32_t form_of(SiteId site, bool writes, bool part) {
    return (site & kSite) | static_cast<std::uint32_t>(writes) << 30 | static_cast<std::uint32_t>(part) << 31;
  }

  std::size_t slot(Key location) const {
    return static_cast<std::size_t>((location * 0x9E3779B97F4A7C15ULL) >> shift_);
  }

  static void begin_epoch(Front& front, const Access& now) {
    front.epoch = epoch_of(now.task, now.tick);
    front.locks = now.locks;
    front.fresh = 0;
  }

  static void put(Front& front, unsigned place, std::uint32_t form) {
    front.forms[place] = form;
    front.fresh = static_cast<std::uint8_t>(front.fresh | 1U << place);
  }

  static unsigned free_place(Front& front) { return front.count < kMost ? front.count++ : front.victim++ % kMost; }

  static void spread_out(Front& front, Back& back) {
    for (unsigned i = 0; i < front.count; ++i)
      back[i] = {task_of(front.epoch), static_cast<Tick>(front.epoch), front.forms[i] & kSite, front.locks,
                 (front.forms[i] & kWrites) != 0, (front.forms[i] & kPart) != 0};
    front.spread = true;
  }

  template <class F>
  static void enter_spread(Front& front, Back& back, const Access& now, const VectorClock& clock, bool same_epoch, F&& racing) {
    if (!front.spread) spread_out(front, back);
    unsigned place = kNowhere;
    for (unsigned i = 0; i < front.count; ++i) {
      const Access& earlier = back[i];
      if (earlier.task == now.task) {
        const bool alike = now.writes && earlier.writes && earlier.locks == now.locks;
        if (earlier.part == now.part && (earlier.site == now.site || alike)) place = i;
        continue;
      }
      if (earlier.conflicts(now) && earlier.tick > clock.of(earlier.task)) racing(earlier);
    }
    if (place == kNowhere) place = free_place(front);
    back[place] = now;
    const bool alone = front.epoch != kSeveral && task_of(front.epoch) == now.task;
    if (!same_epoch) begin_epoch(front, now);
    if (!alone) front.epoch = kSeveral;
    put(front, place, form_of(now.site, now.writes, now.part));
  }

  std::vector<Front> fronts_;
  std::vector<Back> backs_;
  unsigned shift_;
  std::uint64_t generation_ = 1;
};

}  // namespace unblink
