// Runs programs (program.hpp) on the Engine, in the way the ground does: a point before each visible operation,
// none before a release, real state first and waiting only when it says no. Tasks are state machines, so an
// execution costs microseconds and needs no Python: for tests of the engine and for studies of search.
#pragma once
#include <deque>
#include <string>
#include <vector>

#include "../engine.hpp"
#include "../strategies/directed.hpp"
#include "program.hpp"

namespace unblink::model {

struct Outcome {
  Ending ending = Ending::kRunning;  // kStuck: a deadlock
  std::string failure;               // the first check that did not hold
  std::vector<Value> variables;
  std::uint64_t trace_hash = 0;
  std::uint64_t steps = 0;

  bool failed() const { return !failure.empty() || ending != Ending::kFinished; }
};

struct ModelOptions {
  RunOptions run;
  bool points_at_cold_sites = true;  // false: accesses are points only where two were learned to be able to come in either order
};

class Model {
 public:
  explicit Model(const Program& program) : program_(program) {}

  Outcome run(Strategy& strategy, const ModelOptions& options = {});

  // The deviations of the last execution, tasks named by creation path, as a replay takes them.
  std::vector<Directive> directives();
  std::vector<std::int32_t> path_of(TaskId task);

  Engine& engine() { return engine_; }

 private:
  enum class Phase : std::uint8_t { kBeginning, kBefore, kAgain, kTakingBack };

  struct Task {
    BodyId body = 0;
    std::size_t at = 0;  // the step it stands before
    Phase phase = Phase::kBeginning;
    bool ended = false;
    bool outcome = true;  // of a wait on a condition, while its lock is taken back
    Nanos deadline = kForever;
    Registers registers{};
    std::vector<TaskId> children;
    std::size_t joined = 0;  // of the children
  };

  TaskId begin_task(TaskId parent, BodyId body);
  TaskId resume();  // the current task performs what it stands before and goes to its next point
  bool perform(const Step& step, TaskId& next);
  TaskId advance();
  TaskId approach(const Step& step);
  TaskId end();
  bool take(const Step& step, std::size_t lock, TaskId& next);
  void give_back(std::size_t lock);
  bool get(const Step& step, TaskId& next);
  TaskId approach_join(const Step& step);
  bool join(const Step& step, TaskId& next);
  bool finish_wait(const Step& step, TaskId& next);
  void notify(std::size_t condition, bool all);

  Task& me() { return tasks_[static_cast<std::size_t>(engine_.current())]; }
  Key task_key(TaskId task) const { return key_of_task(task); }
  Key waiter_key(TaskId task) const { return key_of(Area::kWaiter, static_cast<std::uint64_t>(task)); }
  Nanos deadline_after(Nanos timeout) { return timeout == kForever ? kForever : engine_.now() + timeout; }
  void access(const Step& step, bool writes);
  TaskId point(Op op, const Step& step, Key key);

  const Program& program_;
  Engine engine_;
  ModelOptions options_;
  std::vector<Task> tasks_;
  State state_;
  std::vector<TaskId> owners_;
  std::vector<std::deque<TaskId>> waiting_;
  std::vector<std::deque<Value>> queues_;
  std::string failure_;
};

}  // namespace unblink::model
