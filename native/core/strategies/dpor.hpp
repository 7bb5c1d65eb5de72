// Every distinct interleaving, once each: source-DPOR with sleep sets (Abdulla, Aronis, Jonsson, Sagonas, POPL 2014,
// algorithm 1), by running again instead of keeping states.
//
// A transition is an operation and what its task does up to its next point. Two transitions are dependent if they are of one task;
// if they come to one key and do not both observe only, releases and publications inside of them included; and if one of
// them is the clock's, for any task may read the time. An execution that differs from another only in the order of independent
// transitions is the same interleaving (Mazurkiewicz trace).
//
// A blocking operation is no transition while it waits: a task that waits is no candidate. So the release of a lock and
// the acquisition that it lets through are ordered but not a race; the two acquisitions are one.
//
// A key is an address, and means nothing in the next execution. What two executions share is their beginning: there the n-th key is
// the same thing. So what a task that sleeps came to is kept by number; a key that was new to it then may be any that is new now.
//
// The stack of nodes lives from execution to execution; begin() starts anew when other sites have become points, for then the
// transitions are others. Invariant: node k is the decision before transition k; nodes at which there was no choice have
// one candidate.
#pragma once
#include <cstdint>
#include <vector>

#include "../flat_map.hpp"
#include "../strategy.hpp"

namespace unblink {

class Dpor final : public Strategy {
 public:
  void begin(const StrategyOptions& options) override;
  void spawned(TaskId, TaskId, std::int32_t) override {}
  TaskId choose(const Situation& situation) override;
  void ended(const Log& log) override;
  bool teaches() const override { return false; }
  bool wants_time() const override { return true; }

  void forget();
  bool finished() const { return finished_; }
  void give_up() { diverged_ = true; }  // something took decisions that no strategy was asked for
  bool diverged() const { return diverged_; }  // an execution did not follow its schedule: nothing is proved
  SiteId strayed_at() const { return strayed_at_; }  // where it did not; none if it was given up
  std::uint64_t interleavings() const { return interleavings_; }
  // Where the search stands, as bytes that another process can go on from, if it makes points of the same sites. Damaged bytes
  // are refused, and nothing changes.
  std::vector<std::uint32_t> saved() const;
  bool restore(const std::vector<std::uint32_t>& words, std::uint64_t points_version);
  std::uint64_t redundant() const { return redundant_; }  // executions given up as equal to earlier ones

 private:
  struct Touch {
    Key key;
    std::uint32_t number;  // of the key, by its first use in the execution
    bool writes;
    bool inside;  // a release or a publication
    bool part;    // of a container
    bool own = false;  // what the operation itself comes to
  };
  // A task whose next transition was tried already, with all that it came to when it was: what is inside of it is not known
  // beforehand, and does not change as long as only independent transitions are taken.
  struct Sleeper {
    TaskId task;
    std::vector<Touch> touches;
    std::uint32_t known = 0;  // keys when it fell asleep
    bool depends_on(const Happened& now, std::uint32_t number) const;
  };
  struct Node {
    TaskId taken;
    std::vector<TaskId> enabled, backtrack;
    std::vector<Sleeper> done;
    std::vector<TaskId> asleep;  // when it was reached first
    bool is_done(TaskId task) const;
  };
  struct Transition {
    TaskId task;
    Op op;
    bool late;  // see Happened
    std::vector<Touch> touches;
    std::vector<TaskId> starts;
    std::vector<std::int64_t> clock;  // by task, the clock's first: its last transition that comes before, itself included
    bool waits() const { return !late && (op == Op::kAcquire || op == Op::kGet || op == Op::kJoin); }
  };

  static std::size_t row(TaskId task) { return task == kClock ? 0 : static_cast<std::size_t>(task) + 1; }
  void follow(const Log& log);
  std::uint32_t number_of(Key key);
  Sleeper awaited(const Sleeper& tried, const Situation& s) const;
  bool sleeps(TaskId task) const;
  void stray(SiteId site);
  void analyse(const Log& log, std::size_t limit);
  bool before(std::size_t i, const Transition& later) const;
  bool conflict(const Transition& earlier, const Transition& now, bool& is_race) const;
  bool comes_first(const Transition& earlier, const Transition& later) const;  // directly
  void add_race(std::size_t i, std::size_t k);
  void advance();

  std::uint64_t points_version_ = 0;
  bool started_ = false, finished_ = false, diverged_ = false, blocked_ = false;
  SiteId strayed_at_ = kNoSite;
  std::uint64_t interleavings_ = 0, redundant_ = 0;
  std::vector<Node> nodes_;
  // --- of the execution
  std::size_t cursor_ = 0;       // in the log
  std::size_t transitions_ = 0;  // so far
  std::size_t blocked_at_ = 0;
  FlatMap<std::uint32_t> numbers_;  // by key, from 1
  std::vector<Key> keys_;           // by number
  std::vector<Sleeper> sleep_;
  std::vector<Transition> run_;
};

}  // namespace unblink
