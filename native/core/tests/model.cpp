#include "model.hpp"

#include <algorithm>

namespace unblink::model {

Outcome Model::run(Strategy& strategy, const ModelOptions& options) {
  options_ = options;
  tasks_.clear();
  state_.variables = program_.initial();
  owners_.assign(program_.locks(), kNone);
  waiting_.assign(program_.conditions(), {});
  queues_.assign(program_.queues(), {});
  failure_.clear();
  engine_.begin(strategy, options.run);
  for (SiteId site = 0; site < program_.site_count(); ++site) engine_.new_site(site);
  for (TaskId next = begin_task(kNone, program_.main_body()); next != kNone;) {
    engine_.set_current(next);
    next = resume();
  }
  if (engine_.ending() == Ending::kRunning)
    engine_.set_ending(engine_.alive() == 0 ? Ending::kFinished : Ending::kStuck);
  engine_.log_unfinished();
  engine_.end_execution();
  return {engine_.ending(), failure_, state_.variables, engine_.trace_hash(), engine_.steps()};
}

TaskId Model::begin_task(TaskId parent, BodyId body) {
  const TaskId id = engine_.spawn(parent);
  tasks_.emplace_back();
  tasks_.back().body = body;
  if (parent != kNone) tasks_[static_cast<std::size_t>(parent)].children.push_back(id);
  return id;
}

TaskId Model::resume() {
  Task& task = me();
  if (task.phase == Phase::kBeginning) {
    task.phase = Phase::kBefore;
    return advance();
  }
  TaskId next = kNone;
  if (!perform(program_.steps(task.body)[task.at], next)) return next;
  // perform() may have added tasks: `task` is stale here.
  me().phase = Phase::kBefore;
  ++me().at;
  return advance();
}

// Goes to the next visible operation; answers who performs its own now.
TaskId Model::advance() {
  Task& task = me();
  const std::vector<Step>& steps = program_.steps(task.body);
  while (task.at < steps.size()) {
    const Step& step = steps[task.at];
    const bool quiet_access = step.what <= Do::kUpdate && !options_.points_at_cold_sites && !engine_.is_hot(step.site);
    if (step.what < Do::kSet && step.what != Do::kUnlock && !quiet_access) return approach(step);
    std::size_t following = task.at + 1;
    if (step.what == Do::kUnlock)
      give_back(step.object);
    else if (step.what == Do::kSet)
      task.registers[step.target] = step.formula(task.registers);
    else if (step.what == Do::kJump)
      following = step.test(task.registers) ? step.target : following;
    else if (step.what == Do::kCheck) {
      const bool holds = step.holds ? step.holds(state_) : step.test(task.registers);
      if (!holds && failure_.empty()) failure_ = step.text;
    } else {
      TaskId unused = kNone;
      perform(step, unused);
    }
    task.at = following;
  }
  return end();
}

TaskId Model::point(Op op, const Step& step, Key key) { return engine_.point(op, step.site, key); }

TaskId Model::approach(const Step& step) {
  Task& task = me();
  task.deadline = deadline_after(step.timeout);
  switch (step.what) {
    case Do::kRead: return point(Op::kRead, step, key_of(Area::kVariable, step.object));
    case Do::kWrite: return point(Op::kWrite, step, key_of(Area::kVariable, step.object));
    case Do::kUpdate: return point(Op::kUpdate, step, key_of(Area::kVariable, step.object));
    case Do::kLock:
      return engine_.point_acquire(step.site, key_of(Area::kLock, step.object), owners_[step.object] != kNone,
                                   task.deadline);
    case Do::kTryLock: return point(Op::kTryAcquire, step, key_of(Area::kLock, step.object));
    case Do::kWait: {
      const TaskId id = engine_.current();
      waiting_[step.object].push_back(id);
      give_back(step.lock);
      return engine_.wait(Op::kGet, step.site, waiter_key(id), task.deadline);
    }
    case Do::kNotify:
    case Do::kNotifyAll: return point(Op::kPut, step, key_of(Area::kCondition, step.object));
    case Do::kPut: return point(Op::kPut, step, key_of(Area::kQueue, step.object));
    case Do::kGet: return point(Op::kGet, step, key_of(Area::kQueue, step.object));
    case Do::kSleep: return engine_.wait(Op::kSleep, step.site, kNoKey, task.deadline);
    case Do::kStart: return point(Op::kStart, step, kNoKey);
    case Do::kJoinAll: return approach_join(step);
    default: return point(Op::kYield, step, kNoKey);
  }
}

// Answers whether the operation is done; if not, `next` goes on and the task comes back to it.
bool Model::perform(const Step& step, TaskId& next) {
  Task& task = me();
  switch (step.what) {
    case Do::kRead:
      access(step, false);
      task.registers[step.target] = state_.variables[step.object];
      return true;
    case Do::kWrite:
      access(step, true);
      state_.variables[step.object] = step.formula(task.registers);
      return true;
    case Do::kUpdate:
      access(step, true);
      task.registers[step.target] = state_.variables[step.object];
      state_.variables[step.object] += step.formula(task.registers);
      return true;
    case Do::kLock: return take(step, step.object, next);
    case Do::kTryLock:
      task.registers[step.target] = owners_[step.object] == kNone;
      if (owners_[step.object] == kNone) {
        owners_[step.object] = engine_.current();
        engine_.acquired(key_of(Area::kLock, step.object));
      }
      return true;
    case Do::kWait: return finish_wait(step, next);
    case Do::kNotify:
    case Do::kNotifyAll: notify(step.object, step.what == Do::kNotifyAll); return true;
    case Do::kPut: {
      const Key key = key_of(Area::kQueue, step.object);
      queues_[step.object].push_back(step.formula(task.registers));
      engine_.publish(key);
      engine_.signal(key);
      return true;
    }
    case Do::kGet: return get(step, next);
    case Do::kStart: begin_task(engine_.current(), step.target); return true;
    case Do::kJoinAll: return join(step, next);
    default: return true;
  }
}

void Model::access(const Step& step, bool writes) {
  engine_.access(key_of(Area::kVariable, step.object), step.site, writes, false);
}

bool Model::take(const Step& step, std::size_t lock, TaskId& next) {
  const Key key = key_of(Area::kLock, lock);
  if (owners_[lock] == kNone) {
    owners_[lock] = engine_.current();
    engine_.acquired(key);
    if (step.what == Do::kLock) me().registers[step.target] = 1;
    return true;
  }
  if (engine_.timed_out() && step.what == Do::kLock) {
    me().registers[step.target] = 0;
    return true;
  }
  next = engine_.wait(Op::kAcquire, step.site, key, me().phase == Phase::kTakingBack ? kForever : me().deadline);
  return false;
}

void Model::give_back(std::size_t lock) {
  owners_[lock] = kNone;
  engine_.released(key_of(Area::kLock, lock));
}

// After a wait on a condition: the lock is taken back, however the wait ended.
bool Model::finish_wait(const Step& step, TaskId& next) {
  Task& task = me();
  if (task.phase != Phase::kTakingBack) {
    const TaskId id = engine_.current();
    task.outcome = !engine_.timed_out();
    engine_.observe(waiter_key(id));
    task.phase = Phase::kTakingBack;
    next = engine_.point_acquire(step.site, key_of(Area::kLock, step.lock), owners_[step.lock] != kNone, kForever);
    return false;
  }
  if (!take(step, step.lock, next)) return false;
  std::erase(waiting_[step.object], engine_.current());  // under the lock, as threading.Condition does
  task.registers[step.target] = task.outcome;
  return true;
}

void Model::notify(std::size_t condition, bool all) {
  std::deque<TaskId>& waiting = waiting_[condition];
  while (!waiting.empty()) {
    const Key key = waiter_key(waiting.front());
    waiting.pop_front();
    engine_.publish(key);
    engine_.signal(key);
    if (!all) break;
  }
}

bool Model::get(const Step& step, TaskId& next) {
  Task& task = me();
  std::deque<Value>& queue = queues_[step.object];
  const Key key = key_of(Area::kQueue, step.object);
  if (!queue.empty()) {
    engine_.observe(key);
    task.registers[step.target] = queue.front();
    queue.pop_front();
    return true;
  }
  if (task.phase == Phase::kAgain && engine_.timed_out()) {
    task.registers[step.target] = -1;
    return true;
  }
  task.phase = Phase::kAgain;
  next = engine_.wait(Op::kGet, step.site, key, task.deadline);
  return false;
}

// One operation for each child, as on the ground: waits for one that has not ended, and is a point for one that has.
TaskId Model::approach_join(const Step& step) {
  Task& task = me();
  if (task.joined == task.children.size()) return point(Op::kJoin, step, kNoKey);
  const TaskId child = task.children[task.joined];
  if (tasks_[static_cast<std::size_t>(child)].ended) return point(Op::kJoin, step, task_key(child));
  return engine_.wait(Op::kJoin, step.site, task_key(child), kForever);
}

bool Model::join(const Step& step, TaskId& next) {
  Task& task = me();
  if (task.joined == task.children.size()) return true;
  engine_.observe(task_key(task.children[task.joined]));
  if (++task.joined == task.children.size()) return true;
  next = approach_join(step);
  return false;
}

TaskId Model::end() {
  me().ended = true;
  const Key key = task_key(engine_.current());
  engine_.publish(key);
  engine_.signal(key);
  return engine_.finish();
}

std::vector<std::int32_t> Model::path_of(TaskId task) {
  std::vector<std::int32_t> path;
  for (; engine_.task(task).parent != kNone; task = engine_.task(task).parent)
    path.insert(path.begin(), engine_.task(task).child_index);
  return path;
}

std::vector<Directive> Model::directives() {
  std::vector<Directive> result;
  for (const Deviation& d : engine_.deviations()) {
    const bool to_clock = d.to == kClock;
    result.push_back({path_of(d.task), d.site, d.occurrence, to_clock ? std::vector<std::int32_t>{} : path_of(d.to),
                      to_clock});
  }
  return result;
}

}  // namespace unblink::model
