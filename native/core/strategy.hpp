// The contract between the engine and a search strategy.
//
// The engine calls, for one execution, in this order:
//   begin()                once, before the first task exists;
//   spawned(task)          when a task has been made, before it can be chosen;
//   choose(situation)      at each decision: a scheduling point, a wait or an end, when there is more than one
//                          candidate. Candidates are the ready tasks and, if `clock_allowed`, kClock.
// A strategy answers with a candidate and nothing else; the engine checks that. It may look at every task's
// pending operation through the situation, and must take its chances from its own generator only, so that
// one seed gives one execution. It never sees Python, and it is not asked where the engine's own rules decide:
// a single candidate, or a task that has run for too long without letting others go (fairness).
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "rng.hpp"
#include "task_set.hpp"
#include "types.hpp"

namespace unblink {

// What a task is about to do. A ready task performs exactly this when it is chosen.
struct Pending {
  Op op = Op::kBegin;
  SiteId site = kNoSite;
  Key key = kNoKey;
  std::uint64_t since = 0;  // the engine's step at which the task came to it
  std::uint32_t occurrence = 0;  // the task's passes of the site, this one included

  bool conflicts(const Pending& other) const {
    return key != kNoKey && key == other.key && !(observes_only(op) && observes_only(other.op));
  }
};

// What happened, in the order in which it did. An operation is entered when its task is chosen to perform it. A release, and
// whatever else makes a waiting task ready, is entered as it happens, inside of the operation before it; of a start, the key is the new task.
struct Happened {
  Key key;
  SiteId site;
  TaskId task;  // kClock: the clock ran to a deadline
  Op op;
  bool late = false;  // it waited until its deadline passed
  bool never = false;  // what a task was about to do when the execution ended
  bool cold = false;   // an access at which no point stood: for learning alone
  bool also = false;   // something else that the operation before it comes to
  bool part = false;   // the container of the item that it accesses

  bool is_inside() const { return also || cold || is_signal(); }
  bool is_signal() const { return site == kNoSite && !also && (op == Op::kRelease || op == Op::kPublish || op == Op::kStart); }
};
using Log = std::vector<Happened>;

class Tasks {  // the part of the engine that strategies read
 public:
  virtual ~Tasks() = default;
  virtual const Pending& pending(TaskId task) const = 0;
  virtual std::size_t task_count() const = 0;
};

struct Situation {
  const Tasks& tasks;
  const TaskSet& ready;
  TaskId current;        // who came here; ready or not
  TaskId by_default;     // what the default order does here
  bool clock_allowed;
  std::uint64_t step;  // operations so far
  const Log& log;

  int candidates() const { return ready.count() + (clock_allowed ? 1 : 0); }
};

struct StrategyOptions {
  std::uint64_t seed = 0;
  int depth = 3;                      // PCT: bug depth to aim at
  std::uint64_t expected_steps = 100;  // PCT: length of an execution, from those before
  std::uint64_t points_version = 0;    // changes when other sites become scheduling points
};

class Strategy {
 public:
  virtual ~Strategy() = default;
  // Decides what the next execution is to try, where that is decided beforehand: that execution may then be in another process,
  // which has a copy of this strategy. begin() does it where it was not done.
  virtual void prepare(const StrategyOptions&) {}
  virtual void begin(const StrategyOptions& options) = 0;
  // `child_index`: the task is the n-th that `parent` started, from 1; main has no parent (kNone).
  virtual void spawned(TaskId task, TaskId parent, std::int32_t child_index) = 0;
  virtual TaskId choose(const Situation& situation) = 0;
  // Whether `task`, which awaits at `site` for the `occurrence`-th time, is to be cancelled there.
  virtual bool cancels(TaskId, SiteId, std::uint32_t) { return false; }
  virtual bool cancels_anything() const { return false; }
  // After the execution; or after one in another process, for which this was prepared.
  virtual void ended(const Log&) {}
  // Whether executions under it are to be learned from (knowledge.hpp), and whether it follows the default order.
  // Whether readings of the clock are to be in the log.
  virtual bool wants_time() const { return false; }
  virtual bool teaches() const { return true; }
  virtual bool is_default_order() const { return false; }
};




}  // namespace unblink
