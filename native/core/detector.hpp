// The happens-before race detector: FastTrack (Flanagan, Freund, PLDI 2009, figures 3 and 5).
//
// Of each location it keeps the epoch of the last write and of the last read; reads that no happens-before orders widen to one
// epoch for each task. A container as a whole and its items are one cell with two histories: an access to the whole
// conflicts with accesses to items, and accesses to items (parts) never with each other here, for each item has
// a cell of its own. So parts keep an epoch for each task from the start, and so do indivisible steps.
//
// Two accesses race if they conflict and neither happens before the other. What is reported are pairs of sites, each once. An address that
// was used again for another object may pretend a race: so a pair is a *candidate*, to be confirmed by an execution of the same
// schedule in which every object is kept alive (exploration/races.py).
//
// Memory is bounded: a set of cells that is full gives up the one that was used least recently, and counts it.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "clocks.hpp"
#include "flat_map.hpp"
#include "types.hpp"

namespace unblink {

struct RacingPair {
  SiteId first, second;  // in the order of the execution that showed it
  TaskId first_task, second_task;
  bool first_writes, second_writes;
  Key location;
};

class Detector {
 public:
  explicit Detector(unsigned bits = 12) : sets_(std::size_t{1} << bits), shift_(64 - bits) {}

  void begin();   // an execution
  void forget();  // what was reported

  // An access of `task` in its epoch `tick`, under `clock`. kPart: of one item, seen from the container as a whole. kIndivisible:
  // adds to a container or takes from it in one step, as `append` and `pop` do; such do not conflict with each other.
  enum class As : std::uint8_t { kWhole, kPart, kIndivisible };
  void access(Key location, TaskId task, Tick tick, const VectorClock& clock, SiteId site, bool writes, As as);

  const std::vector<RacingPair>& pairs() const { return pairs_; }
  std::uint64_t dropped() const { return dropped_; }

 private:
  static constexpr unsigned kWays = 4;
  static constexpr Epoch kWidened = UINT64_MAX;
  static constexpr std::uint32_t kNothing = UINT32_MAX;
  static constexpr std::size_t kMostPairs = 10'000;

  struct Entry {
    TaskId task;
    Tick tick;
    SiteId site;
    bool writes;
  };
  struct Cell {
    Key location = kNoKey;
    std::uint64_t generation = 0;
    std::uint64_t used = 0;
    Epoch write = 0, read = 0;
    SiteId write_site = kNoSite, read_site = kNoSite;
    std::uint32_t readers = kNothing, parts = kNothing, indivisible = kNothing;  // lists in pool_
  };
  using Set = std::array<Cell, kWays>;

  Cell& cell_of(Key location);
  std::vector<Entry>& list(std::uint32_t& number);
  void found(Key location, const Entry& earlier, const Entry& now);
  void check_whole(const Cell& cell, const Entry& now, const VectorClock& clock);
  void check_list(Key location, std::uint32_t number, const Entry& now, const VectorClock& clock);
  static void put(std::vector<Entry>& entries, const Entry& now);

  std::vector<Set> sets_;
  unsigned shift_;
  std::uint64_t generation_ = 0, uses_ = 0, dropped_ = 0;
  std::vector<std::vector<Entry>> pool_;
  std::size_t pool_used_ = 0;
  std::vector<RacingPair> pairs_;
  FlatMap<bool> known_;
};

}  // namespace unblink
