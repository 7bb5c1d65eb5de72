// The engine's decisions and waits. What it is told of the rest is in engine_events.cpp.
#include "engine.hpp"

namespace unblink {

namespace {
// Who reads the clock so often without doing anything else waits for it, and need not wait for long.
constexpr std::uint32_t kManyReadings = 100'000;
constexpr Nanos kLongTick = 1'000'000;
// Whom fairness lets go on need not lose its turn at its next point.
constexpr std::uint32_t kGrace = 50;
// See pass_time; microseconds.
constexpr std::uint64_t kPass = 2'000, kSteady = 200'000;
constexpr Nanos kTick = 1'000;  // a reading of the clock takes a microsecond
}  // namespace

Engine::Engine() { log_.reserve(kLogCapacity); }

void Engine::begin(Strategy& strategy, const RunOptions& options) {
  strategy_ = &strategy;
  options_ = options;
  count_ = 0;
  alive_ = 0;
  ready_.clear();
  current_ = thread_ = running_ = kNone;
  selecting_.clear();
  offered_.clear();
  run_length_ = since_point_ = readings_ = 0;
  timers_ = {};
  bell_ = kForever;
  now_ = options.epoch;
  stalled_ = 0;
  shortest_stall_ = kForever;
  steps_ = switches_ = last_progress_ = turns_ = choices_ = 0;
  spent_ = spent_at_change_ = spent_at_passing_ = 0;
  changed_ = false;
  ending_ = Ending::kRunning;
  meetings_.clear();
  occurrences_.clear();
  clocks_.reset();
  shadow_.clear();
  detector_.begin();
  deviations_.clear();
  stalls_.clear();
  log_.clear();
  trace_hash_ = call_hash_ = 0xcbf29ce484222325ULL;
  logs_cold_ = learns_ && (knowledge_.executions() < 2 || !heating_.empty());
  if (!options.as_before) {
    for (const SiteId site : heating_) hot_[site] = 2;
    points_version_ += !heating_.empty();
    heating_.clear();
  }
  salt_ = options.strategy.seed * 2 + 1;
  options_.strategy.points_version = points_version_;
  forced_ = 0;
  locks_ = grace_ = 0;
  logs_time_ = strategy.wants_time();
  strategy.begin(options_.strategy);
  plan_cancellation();
}

void Engine::end_execution() {
  if (strategy_ == nullptr) return;
  if (logs_cold_) drop_cold();
  strategy_->ended(log_);
  if (learns_ && strategy_->teaches()) knowledge_.learn(log_, parents(), strategy_->is_default_order());
  strategy_ = nullptr;
}

void Engine::take_in(Strategy& strategy, const Log& log, const std::vector<TaskId>& parents) {
  strategy.ended(log);
  if (strategy.teaches()) knowledge_.learn(log, parents, strategy.is_default_order());
}

// Of the accesses at which no point stood those are kept that are going to have one: so the first execution teaches already.
void Engine::drop_cold() {
  std::erase_if(log_, [&](const Happened& now) { return now.cold && hot_[now.site] == 0; });
  for (Happened& now : log_) now.cold = false;
}

void Engine::log_unfinished() {
  for (std::size_t i = 0; i < count_; ++i) {
    const TaskRecord& record = tasks_[i];
    if (record.state == TaskState::kEnded || log_.size() >= kLogCapacity) continue;
    log_.push_back({.key = record.pending.key, .site = record.pending.site, .task = static_cast<TaskId>(i), .op = record.pending.op, .never = true});
  }
}

std::vector<TaskId> Engine::parents() const {
  std::vector<TaskId> parents;
  for (std::size_t i = 0; i < count_; ++i) parents.push_back(tasks_[i].parent);
  return parents;
}

TaskId Engine::spawn(TaskId parent) {
  const auto id = static_cast<TaskId>(count_++);
  if (tasks_.size() < count_) tasks_.emplace_back();
  TaskRecord& record = task(id);
  record.state = TaskState::kReady;
  record.timed_out = false;
  record.parent = parent;
  record.children = 0;
  record.pending = Pending{Op::kBegin, kNoSite, kNoKey, 0, 0};
  record.last_site = kNoSite;
  record.waits_for = kNoKey;
  record.deadline = kForever;
  record.carrier = record.acting = id;
  record.selects = record.offered = record.granted = record.put_off = false;
  ++record.ticket;
  record.clock.clear();
  record.causes.clear();
  record.held.clear();
  record.lock_bits = 0;
  if (parent != kNone) {
    TaskRecord& mother = task(parent);
    record.child_index = ++mother.children;
    TaskRecord& from = task(mother.carrier);
    record.clock.assign(from.clock);
    record.causes.assign(from.causes);
    step_epoch(from, mother.carrier);
    enter_log(parent, Op::kStart, kNoSite, static_cast<Key>(id));
  } else {
    record.child_index = 0;
  }
  step_epoch(record, id);
  ++alive_;
  ++moments_;
  ready_.add(id);
  strategy_->spawned(id, parent, record.child_index);
  return id;
}

// ---------------------------------------------------------------- decisions

void Engine::arrive(Op op, SiteId site, Key key) {
  TaskRecord& record = me();
  record.last_site = record.pending.site;
  const bool on_lock = op >= Op::kAcquire && op <= Op::kRelease;
  record.pending = Pending{op, site, on_lock ? identity_of(key) : key, steps_ + 1, count_pass(site)};
  ++steps_;
  ++moments_;
  ++run_length_;
  since_point_ = 0;
  if (op != Op::kYield) readings_ = 0;
  if (is_progress(op)) last_progress_ = effort();
  changed_ |= is_progress(op) && op != Op::kAcquire;
  spent_ += op == Op::kYield || op == Op::kSelect ? kTurning : 1;
  const std::uint64_t word =
      (static_cast<std::uint64_t>(current_) << 40) | (static_cast<std::uint64_t>(op) << 32) | site;
  trace_hash_ = (trace_hash_ ^ word) * 0x100000001b3ULL;
  if (op < Op::kRead && site < counts_.size() && counts_[site]) call_hash_ = (call_hash_ ^ word) * 0x100000001b3ULL;
}

TaskId Engine::default_choice() const {
  const bool ready = ready_.has(current_);
  if (!offered_.empty() && (!ready || task_at(current_).selects)) {  // what has come is let in
    TaskId first = kNone;
    offered_.each([&](TaskId id) {
      if (first == kNone && (!ready || !task_at(id).put_off)) first = id;
    });
    if (first != kNone) return first;
  }
  if (ready && run_length_ < options_.fairness) return current_;
  if (ready) return ready_.after(current_);
  const bool in_turn = spent_ - spent_at_change_ > kPass;  // some wake each other for ever, while another could end it
  return in_turn ? ready_.after(current_) : ready_.first();
}

TaskId Engine::next() {
  if (effort() - last_progress_ > options_.livelock_after) {
    ending_ = Ending::kLivelock;
    return kNone;
  }
  if (effort() > options_.step_limit) {
    ending_ = Ending::kStepLimit;
    return kNone;
  }
  if (changed_) {
    changed_ = false;
    spent_at_change_ = spent_at_passing_ = spent_;
  }
  for (;;) {
    Nanos deadline = kForever;
    const bool has_deadline = next_deadline(deadline);
    if (ready_.empty()) {
      Nanos passed = 0;
      if (idle_ != nullptr && idle_(has_deadline ? deadline - now_ : kForever, passed)) {
        now_ += passed;
        continue;
      }
      if (!has_deadline) return kNone;
      now_ = std::max(now_, deadline);
      enter_log(kClock, Op::kStall, kNoSite, kNoKey);
      fire_timers(kClock);
      continue;
    }
    if (!selecting_.empty()) deadline = std::min(deadline, next_alarm());
    if (deadline != kForever && pass_time(deadline)) continue;
    if (deadline != kForever) shortest_stall_ = std::min(shortest_stall_, deadline - now_);
    const bool clock_allowed = deadline != kForever && deadline - now_ <= std::min(options_.stall_budget - stalled_, longest_stall_);
    const TaskId by_default = default_choice();
    TaskId pick = by_default;
    const bool others = ready_.count() > 1 || clock_allowed;
    const bool unfair = run_length_ >= options_.fairness && ready_.has(current_);
    const bool left_alone = grace_ > 0 && ready_.has(current_);
    grace_ -= grace_ > 0;
    const bool fair_only = left_alone || effort() - last_progress_ > options_.livelock_after / 4;
    choices_ += others;
    forced_ += others && (unfair || fair_only);
    if (others && !unfair && !fair_only) {
      const TaskRecord& record = task(current_);
      pick = strategy_->choose({*this, ready_, current_, by_default, clock_allowed, steps_, log_});
      if (!(pick == kClock ? clock_allowed : ready_.has(pick))) pick = by_default;
      if (pick != by_default)
        deviations_.push_back({current_, record.pending.site, record.pending.occurrence, pick, ready_.has(current_)});
    }
    if (pick == kClock) {
      stall_until(deadline);
      continue;
    }
    if (pick != running_) {
      if (running_ != kNone) ++switches_;
      running_ = pick;
      run_length_ = 0;
    } else if (unfair) {
      run_length_ = 0;
    }
    if (unfair && pick != current_) grace_ = kGrace;
    const TaskRecord& chosen = task(pick);
    enter_log(pick, chosen.pending.op, chosen.pending.site, chosen.pending.key, chosen.timed_out);
    return pick;
  }
}

TaskId Engine::point(Op op, SiteId site, Key key) {
  arrive(op, site, key);
  if (alive_ == 1 && timers_.empty() && bell_ == kForever) {  // nobody to switch to; the limits still hold
    if (effort() - last_progress_ <= options_.livelock_after && effort() <= options_.step_limit) {
      enter_log(current_, op, site, me().pending.key);
      return current_;
    }
  }
  return next();
}

TaskId Engine::point_acquire(SiteId site, Key key, bool held, Nanos deadline) {
  arrive(Op::kAcquire, site, key);
  TaskRecord& record = me();
  record.timed_out = false;
  enlist(current_, key);
  if (held)
    hold(record, current_, deadline);
  else
    record.deadline = deadline;
  return next();
}

TaskId Engine::wait(Op op, SiteId site, Key key, Nanos deadline) {
  arrive(op, site, key);
  TaskRecord& record = me();
  record.timed_out = false;
  if (record.waits_for != key) delist(current_);
  if (key != kNoKey && record.waits_for != key) enlist(current_, key);
  hold(record, current_, deadline);
  return next();
}

TaskId Engine::finish() {
  arrive(Op::kEnd, kEndSite, kNoKey);
  TaskRecord& record = me();
  record.state = TaskState::kEnded;
  ++record.ticket;
  ready_.remove(current_);
  --alive_;
  if (ready_.empty() && alive_ == 0) return kNone;
  return next();
}

// ---------------------------------------------------------------- waiting

void Engine::hold(TaskRecord& record, TaskId id, Nanos deadline) {
  record.state = TaskState::kWaiting;
  record.deadline = deadline;
  ready_.remove(id);
  record.ticket = ++tickets_;
  if (deadline != kForever) timers_.push({deadline, record.ticket, id});
}

void Engine::wake(TaskId id) {
  TaskRecord& record = task(id);
  if (record.state != TaskState::kWaiting) return;
  record.state = TaskState::kReady;
  record.ticket = ++tickets_;
  ready_.add(id);
}

void Engine::enlist(TaskId id, Key key) {
  Meeting& meeting = meetings_[key];
  touch(meeting);
  TaskRecord& record = task(id);
  record.waits_for = key;
  record.previous = kNone;
  record.next = meeting.head;
  if (meeting.head != kNone) task(meeting.head).previous = id;
  meeting.head = id;
}

void Engine::delist(TaskId id) {
  TaskRecord& record = task(id);
  if (record.waits_for == kNoKey) return;
  if (record.previous != kNone)
    task(record.previous).next = record.next;
  else if (Meeting* meeting = meetings_.find(record.waits_for))
    meeting->head = record.next;
  if (record.next != kNone) task(record.next).previous = record.previous;
  record.waits_for = kNoKey;
}

bool Engine::break_wait(TaskId id) {
  if (task(id).state != TaskState::kWaiting) return false;
  enter_log(kClock, Op::kPublish, kNoSite, identity_of(task(id).waits_for));
  delist(id);
  wake(id);
  return true;
}

bool Engine::next_deadline(Nanos& deadline) {
  const bool has_timer = next_timer(deadline);
  if (bell_ == kForever) return has_timer;
  deadline = has_timer ? std::min(deadline, bell_) : bell_;
  return true;
}

bool Engine::next_timer(Nanos& deadline) {
  while (!timers_.empty()) {
    const Timer& timer = timers_.top();
    const TaskRecord& record = task(timer.task);
    if (record.state == TaskState::kWaiting && record.ticket == timer.ticket) {
      deadline = timer.deadline;
      return true;
    }
    timers_.pop();
  }
  return false;
}

bool Engine::has_timers() {
  Nanos unused;
  return next_deadline(unused);
}

void Engine::fire_timers(TaskId by) {
  Nanos deadline;
  while (next_timer(deadline) && deadline <= now_) {
    const TaskId id = timers_.top().task;
    timers_.pop();
    task(id).timed_out = true;
    enter_log(by, Op::kPublish, kNoSite, identity_of(task(id).waits_for));
    delist(id);
    wake(id);
  }
  if (bell_ <= now_ && ring_ != nullptr) ring_();
}

void Engine::stall_until(Nanos deadline) {
  const Nanos amount = std::max<Nanos>(0, deadline - now_);
  const TaskId first = ready_.has(current_) ? current_ : ready_.first();
  const auto hold_back = [&](TaskId held, bool together) {
    const TaskRecord& record = task(held);
    stalls_.push_back({amount, held, record.last_site, record.pending.site, together});
  };
  if (amount > 0) {
    hold_back(first, false);
    ready_.each([&](TaskId other) {
      if (other != first) hold_back(other, true);
    });
  }
  stalled_ += amount;
  now_ += amount;
  if (let_pass_ != nullptr && amount > 0) let_pass_(amount);
  enter_log(kClock, Op::kStall, kNoSite, kNoKey);
  fire_timers(kClock);
}

// Who turns in a loop and changes nothing, until somebody does who sleeps, passes the time with it: in life each turn takes
// some. It passes as fast as it would there; after 0.2 s faster and faster, so that 30 s are over before long: nothing that
// ends by itself does so much and changes nothing. It is no stall: that is a task which does less than it could.
bool Engine::pass_time(Nanos deadline) {
  if (spent_ - spent_at_passing_ < kPass || deadline <= now_) return false;
  const std::uint64_t spent = spent_ - spent_at_change_;
  const std::uint64_t doublings = spent < kSteady || let_pass_ != nullptr ? 0 : std::min<std::uint64_t>((spent - kSteady) / kPass, 20);
  const Nanos before = now_;
  now_ = std::min(deadline, now_ + (static_cast<Nanos>(spent_ - spent_at_passing_) * 1000 << doublings));
  if (let_pass_ != nullptr) let_pass_(now_ - before);
  spent_at_passing_ = spent_;
  ++forced_;  // it depends on how much was done, which is none of the choices
  if (now_ < deadline) return false;
  fire_timers(current_);
  return true;
}

Nanos Engine::tick() {
  ++since_point_;
  if (logs_time_ && !log_.empty() && log_.size() < kLogCapacity && !(log_.back().task == current_ && log_.back().key == kTimeKey))
    log_.push_back({.key = kTimeKey, .site = kNoSite, .task = current_, .op = Op::kUpdate, .also = true});
  const Nanos by = ++readings_ <= kManyReadings ? kTick : kLongTick;
  now_ += by;
  if (by == kLongTick && let_pass_ != nullptr) let_pass_(by);
  // A reading may pass a deadline: whoever slept until then is ready, with no stall to account for.
  if (!timers_.empty() || bell_ <= now_) fire_timers(current_);
  return now_;
}

}  // namespace unblink
