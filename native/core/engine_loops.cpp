// Event loops: what a thread carries, and what comes to it from outside.
//
// A loop runs its asyncio tasks one at a time and in an order that it guarantees, so they are no threads: each is a
// *lodger* of the thread that runs the loop. It has a name in schedules and stands in the log, but it is chosen only
// where it goes on after a sleep(0). What varies in life is what comes from outside: each descriptor that a loop watches
// is an *arrival*, a task of one step. While the loop stands before its select, or waits in it, what could come is
// offered; whoever is chosen is granted and is in the select's result. An offer that is put off comes by default when
// the loop has nothing else to do. Timers cannot come too early and keep their order; late they are when the clock is
// let run (alarms).
#include "engine.hpp"

namespace unblink {

TaskId Engine::lodge(TaskId parent, TaskId carrier) {
  const TaskId id = spawn(parent);
  --alive_;
  TaskRecord& record = task(id);
  record.carrier = carrier;
  stop_waiting(record, id);
  return id;
}

// It is not ready, and nothing but we ourselves makes it so.
void Engine::stop_waiting(TaskRecord& record, TaskId id) {
  record.state = TaskState::kWaiting;
  record.deadline = kForever;
  record.ticket = ++tickets_;
  ready_.remove(id);
}

void Engine::enter_lodger(TaskId id) {
  stop_waiting(me(), current_);
  TaskRecord& record = task(id);
  record.carrier = thread_;  // not always the thread that made it: a loop is run by whoever runs it
  record.state = TaskState::kReady;
  ready_.add(id);
  if (running_ == current_) running_ = id;  // no switch: it is the same thread
  set_current(id);
}

void Engine::leave_lodger() {
  const TaskId id = current_;
  stop_waiting(me(), id);
  set_current(thread_);
  me().state = TaskState::kReady;
  ready_.add(current_);
  if (running_ == id) running_ = current_;
}

TaskId Engine::point_of_lodger(TaskId id, SiteId site, Key key) {
  const TaskId carrier = current_;
  enter_lodger(id);
  task(carrier).state = TaskState::kReady;
  ready_.add(carrier);
  arrive(Op::kResume, site, key);
  return next();
}

void Engine::settle_lodger(TaskId id) {
  const TaskId other = current_ == id ? task(id).carrier : id;
  task(id).put_off = other == id;
  stop_waiting(task(other), other);
}

TaskId Engine::point_select(SiteId site, Key key) {
  if (!me().selects) selecting_.push_back(current_);
  me().selects = true;
  arrive(Op::kSelect, site, key);
  ++turns_;
  return next();
}

TaskId Engine::wait_select(SiteId site, Key key, Nanos deadline) {
  if (!me().selects) selecting_.push_back(current_);
  me().selects = true;
  me().timed_out = false;
  arrive(Op::kSelect, site, key);
  ++turns_;
  hold(me(), current_, deadline);
  return next();
}

void Engine::end_select() {
  me().selects = false;
  std::erase(selecting_, current_);
  for (TaskId id = offered_.first(); id != kNone;) {
    const TaskId next = offered_.after(id);
    TaskRecord& record = task(id);
    if (record.carrier == current_) {
      offered_.remove(id);
      record.offered = false;
      record.put_off = true;
      stop_waiting(record, id);
    }
    id = next > id ? next : kNone;
  }
}

void Engine::offer(TaskId id, TaskId carrier, Op op, SiteId site, Key key) {
  TaskRecord& record = task(id);
  if (record.offered || record.granted) return;
  record.carrier = carrier;
  record.offered = true;
  record.pending = Pending{op, site, key, steps_ + 1, ++occurrences_[(static_cast<std::uint64_t>(id) << 32) | site]};
  record.state = TaskState::kReady;
  ready_.add(id);
  offered_.add(id);
}

void Engine::grant(TaskId id) {
  TaskRecord& record = task(id);
  record.offered = record.put_off = false;
  record.granted = true;
  offered_.remove(id);
  stop_waiting(record, id);
  if (is_progress(record.pending.op)) last_progress_ = effort();
  if (task(record.carrier).selects) wake(record.carrier);
  current_ = id;  // the next decision is taken where it came
  thread_ = record.carrier;
}

bool Engine::take_grant(TaskId id) {
  TaskRecord& record = task(id);
  const bool granted = record.granted;
  record.granted = false;
  return granted;
}

// One await of those that the longest execution so far has shown, in two of three executions; not in the default order.
void Engine::plan_cancellation() {
  awaits_ = cancel_at_ = 0;
  may_cancel_ = cancelling_ || strategy_->cancels_anything();
  if (!cancelling_ || most_awaits_ == 0 || strategy_->is_default_order() || !strategy_->teaches()) return;
  Rng rng;
  rng.reseed(options_.strategy.seed ^ 0x63616e63656cULL);
  if (rng.below(3) > 0) cancel_at_ = 1 + rng.below(static_cast<std::uint32_t>(std::min<std::uint64_t>(most_awaits_, UINT32_MAX)));
}

bool Engine::cancels(TaskId id, SiteId site) {
  const std::uint32_t occurrence = ++occurrences_[(static_cast<std::uint64_t>(id) << 32) | site];
  most_awaits_ = std::max(most_awaits_, ++awaits_);
  if (awaits_ != cancel_at_ && !strategy_->cancels(id, site, occurrence)) return false;
  deviations_.push_back({id, site, occurrence, kCancelled, true});
  return true;
}

Nanos Engine::next_alarm() {
  Nanos first = kForever;
  for (const TaskId id : selecting_)
    for (const Nanos alarm : task(id).alarms) {
      if (alarm <= now_) continue;
      first = std::min(first, alarm);
      break;
    }
  return first;
}

}  // namespace unblink
