// The engine: tasks, what they wait for, the virtual clock, and the schedule of one execution.
//
// The ground (native/python) tells it what the current task is about to do; it answers who goes on. It owns no
// stack and no Python object: switching is the ground's affair.
//
// A scheduling point stands just *before* a visible operation. That is enough: whatever two operations of two
// tasks are ordered by a schedule, the switch that brings the order about can be taken before one of them, since
// what lies between two points of a task cannot be observed by others.
//
// The default order is what happens without any choice: a task runs until it waits or ends; then the oldest
// ready task goes on; a task that did `fairness` operations in a row lets the next one go. A schedule is kept
// as its deviations from that order. When no task is ready, the clock advances to the next deadline; that is
// not a choice. When some are ready, letting it run is one: a stall.
#pragma once
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "clocks.hpp"
#include "detector.hpp"
#include "flat_map.hpp"
#include "knowledge.hpp"
#include "shadow.hpp"
#include "strategy.hpp"
#include "task_set.hpp"
#include "types.hpp"

namespace unblink {

enum class TaskState : std::uint8_t { kReady, kWaiting, kEnded };

// A choice that differs from the default order: when `task` was at `site` for the `occurrence`-th time.
struct Deviation {
  TaskId task;
  SiteId site;
  std::uint32_t occurrence;
  TaskId to;  // a task, kClock or kCancelled
  bool preempts;  // `task` could have gone on
};

// A time for which ready tasks were held back.
struct StallRecord {
  Nanos amount;
  TaskId task;   // a task that was held
  SiteId after;  // what it did last
  SiteId before;
  bool together;  // with the one before, for the same time
};

enum class Ending : std::uint8_t { kRunning, kFinished, kStuck, kLivelock, kStepLimit };

struct RunOptions {
  StrategyOptions strategy;
  Nanos stall_budget = 0;
  std::uint64_t step_limit = 2'000'000;
  std::uint64_t livelock_after = 1'000'000;  // operations without progress, in fair order, before it is called so
  std::uint32_t fairness = 400;
  Nanos epoch = 0;
  bool detects = true;  // races, by happens-before
  bool as_before = false;  // make points of the same sites as the execution before, so that both can be compared
};

struct TaskRecord {
  TaskState state = TaskState::kReady;
  bool timed_out = false;
  TaskId parent = kNone;
  std::int32_t child_index = 0;  // the n-th child of its parent, from 1
  std::int32_t children = 0;
  Pending pending;
  SiteId last_site = kNoSite;
  Key waits_for = kNoKey;  // key of the list it stands in
  TaskId next = kNone;     // neighbours in that list
  TaskId previous = kNone;
  Nanos deadline = kForever;
  std::uint64_t ticket = 0;  // invalidates timers of earlier waits
  VectorClock clock;     // happens-before, by all that synchronises
  VectorClock causes;    // only what no schedule can turn round: start, join, and what came through a queue
  std::vector<Key> held;
  std::uint64_t lock_bits = 0;  // of `held`, see Access::locks
  Epoch epoch = 0;              // its own, by `causes`
  // --- of event loops; see engine_loops.cpp
  TaskId carrier = kNone;  // the thread that it runs on: itself, for a thread
  TaskId acting = kNone;   // of a thread: who runs on it, itself or one that it carries
  bool selects = false;    // of a thread: it stands before its select, or waits in it
  bool offered = false;    // may be chosen, which lets it come: it has nothing to run by itself
  bool granted = false;    // it was
  bool put_off = false;    // it was not, when it could have been
  std::vector<Nanos> alarms;  // of a thread that selects: when its timers are due, in their order
};

// What is known of a lock, a queue, or anything else tasks wait for.
struct Meeting {
  TaskId owner = kNone;
  TaskId head = kNone;  // tasks that wait for it or are about to take it, newest first
  TaskId creator = kNone;
  std::uint32_t number = 0;  // of a lock, by its first acquisition
  std::uint32_t generation = 0;  // how many locks have had this address before, in this execution
  bool tried = false;  // by attempts that may fail
  SiteId release_site = kNoSite;  // the last
  bool fresh = false;  // made by `creator`, and nobody else has touched it since
  SiteId first_site = kNoSite;     // where `creator` took it while it was fresh
  std::uint64_t created_at = 0;    // the engine's moment
  std::uint32_t clock = ClockPool::kNothing;
  std::uint32_t causes = ClockPool::kNothing;
};

class Engine final : public Tasks {
 public:
  Engine();

  // --- one execution ---
  void begin(Strategy& strategy, const RunOptions& options);
  TaskId spawn(TaskId parent);  // a ready task, about to begin
  void end_execution();
  // Takes in what an execution showed, this one's or that of another process which `strategy` was prepared for.
  void take_in(Strategy& strategy, const Log& log, const std::vector<TaskId>& parents);
  std::vector<TaskId> parents() const;
  void drop_cold();
  void log_unfinished();  // what tasks were about to do: before they are ended for good
  // Asked when no task is ready, before the clock moves to a deadline that is `left` away (kForever: there is none): may
  // make some ready, and says whether it did and how much time `passed`, less than `left`.
  void set_idle(bool (*idle)(Nanos left, Nanos& passed)) { idle_ = idle; }
  // Time passes as in life: what the clock moves by while tasks could go on takes as long, and no stall is longer than
  // `longest`. Null: it does not.
  void set_pace(void (*let_pass)(Nanos), Nanos longest) {
    let_pass_ = let_pass;
    longest_stall_ = longest;
  }
  // A deadline that is nobody's wait: when the clock comes to it, `ring` is called, which may wake tasks and set the next.
  void set_ring(void (*ring)()) { ring_ = ring; }
  void set_bell(Nanos at) { bell_ = at; }
  Nanos bell() const { return bell_; }
  // A task that waits goes on though nothing came of what it waits for; whether it was one that waits.
  bool break_wait(TaskId id);
  // Nothing that it did in between is what became of its wait.
  void resume_wait() { me().timed_out = false; }

  // --- what the current task is about to do; each answers who goes on (kNone: nobody can) ---
  TaskId point(Op op, SiteId site, Key key);
  TaskId point_acquire(SiteId site, Key key, bool held, Nanos deadline);
  TaskId wait(Op op, SiteId site, Key key, Nanos deadline);
  TaskId finish();
  TaskId next();  // decide again, after something outside made a task ready

  // --- event loops: tasks that a thread carries, and arrivals (engine_loops.cpp) ---
  TaskId lodge(TaskId parent, TaskId carrier);  // it waits
  void enter_lodger(TaskId id);  // it runs on its carrier, which is the current task
  void leave_lodger();
  // The lodger, about to go on, may be late: its carrier goes on instead. Whoever of the two is current afterwards was chosen.
  TaskId point_of_lodger(TaskId id, SiteId site, Key key);
  void settle_lodger(TaskId id);  // after that, once either is current: the lodger waits if it was not chosen
  TaskId point_select(SiteId site, Key key);
  TaskId wait_select(SiteId site, Key key, Nanos deadline);
  void end_select();  // whatever is offered no longer is
  void offer(TaskId id, TaskId carrier, Op op, SiteId site, Key key);
  bool take_grant(TaskId id);
  int offers() const { return offered_.count(); }
  void grant(TaskId id);  // it was chosen
  // Whether somebody cancels the lodger where it awaits: at most one in an execution, and only where that is asked for.
  bool cancels(TaskId id, SiteId site);
  bool may_cancel() const { return may_cancel_; }
  bool could_cancel() const { return cancelling_ && awaits_ > 0; }
  void set_cancelling(bool cancels) { cancelling_ = cancels; }
  std::vector<Nanos>& alarms() { return task(thread_).alarms; }

  // --- what happened ---
  void created(Key key);  // a fresh lock: nobody else can know it yet
  // Not `orders`: a lock of the library's own book-keeping, which tells the program nothing of what others did.
  void acquired(Key key, bool orders = true);
  void not_a_lock(Key key);  // the current task holds it, but works under it no more than under others
  bool released(Key key, bool orders = true);  // whether another task had taken it
  void signal(Key key);                // all that wait for `key` become ready
  void publish(Key key);               // happens-before: what was done is visible to whoever observes `key`
  void observe(Key key);
  // Happens-before alone: who `writes` there later, or comes later, sees what was done by those who wrote before.
  void synchronise(Key key, bool writes);
  // Enters an access to a shared location. Two that conflict, hold no common lock and are ordered by no cause may
  // come in either order under another schedule: from the next execution on both their sites are points. True then.
  // Nearly every hook comes here, and nearly every access is known: so the way through is inline and calls nothing.
  bool access(Key location, SiteId site, bool writes, bool part) {
    ++since_point_;
    ++moments_;
    changed_ |= writes;
    call_hash_ = (call_hash_ ^ ((static_cast<std::uint64_t>(thread_) << 40) | site)) * 0x100000001b3ULL;
    const TaskRecord& record = task(thread_);
    if (shadow_.knows(location, record.epoch, record.lock_bits, site, writes, part)) return false;
    return enter(location, site, writes, part);
  }
  void wake(TaskId task);
  // The access to an item for which the current task stood at a point comes to the container, too.
  void comes_to(Key container, Op op) {
    if (log_.size() < kLogCapacity) log_.push_back({.key = container, .site = kNoSite, .task = current_, .op = op, .also = true, .part = true});
  }

  // --- queries ---
  TaskId current() const { return current_; }
  TaskId thread() const { return thread_; }  // that the current task runs on
  void set_current(TaskId id) {
    current_ = id;
    thread_ = id == kNone ? kNone : task(id).carrier;
    if (id != kNone) task(thread_).acting = id;
  }
  const Pending& pending(TaskId t) const override { return tasks_[static_cast<std::size_t>(t)].pending; }
  std::size_t task_count() const override { return count_; }
  TaskRecord& task(TaskId t) { return tasks_[static_cast<std::size_t>(t)]; }
  const TaskRecord& task_at(TaskId t) const { return tasks_[static_cast<std::size_t>(t)]; }
  int alive() const { return alive_; }
  // Whether the current task may take a free lock without a point: it made the lock a moment ago, or made it, has
  // shown it to nobody so far, and took such a one at `site` in no earlier execution that then came to be shared.
  bool needs_no_point(Key key, SiteId site);
  // An attempt to take a lock that may fail shows whether another task holds it: then a release is a visible operation.
  // Where it was is known from the second execution on, and is a point from the third.
  void tried(Key key);
  bool watches_releases() const { return watches_releases_; }
  bool releases(Key key, SiteId site);  // the current task is about to; whether a point is to stand before it
  TaskId owner(Key key);
  Nanos now() const { return now_; }
  void advance_clock(Nanos by) { now_ += by; }
  Nanos tick();  // a reading of the clock: never twice the same
  // What the current task did since it last stood at a point. Very much of it is a loop that waits for others
  // without ever letting them go on: then tire() it, and make a point.
  std::uint32_t since_point() const { return since_point_; }
  void tire() {
    run_length_ = options_.fairness;
    ++turns_;
    spent_ += kTiring;
  }
  bool timed_out() const { return tasks_[static_cast<std::size_t>(current_)].timed_out; }
  bool has_timers();
  std::uint64_t steps() const { return steps_; }
  // A turn of an event loop, and what tires a task, costs as much as so many operations: what polls for ever is found
  // out in as much time.
  std::uint64_t effort() const { return steps_ + 20 * turns_; }
  std::uint64_t choices() const { return choices_; }  // decisions with more than one candidate
  std::uint64_t switches() const { return switches_; }
  std::uint64_t forced() const { return forced_; }  // decisions that fairness took: no strategy was asked
  bool log_is_whole() const { return log_.size() < kLogCapacity; }
  Ending ending() const { return ending_; }
  // So many steps more, and no further: what happens from here on can change no verdict.
  void end_within(std::uint64_t steps) { options_.step_limit = std::min(options_.step_limit, steps_ + steps); }
  void set_ending(Ending ending) { ending_ = ending; }
  const std::vector<Deviation>& deviations() const { return deviations_; }
  const Log& log() const { return log_; }
  const std::vector<StallRecord>& stalls() const { return stalls_; }
  std::uint64_t trace_hash() const { return trace_hash_; }
  // Of the program's controlled calls and of its accesses, points or not: equal for executions that do the same.
  std::uint64_t call_hash() const { return call_hash_; }
  Nanos stalled() const { return stalled_; }
  // The shortest time for which ready tasks would have had to be held back for a deadline to pass; kForever if none.
  Nanos shortest_stall() const { return shortest_stall_; }

  // --- what is learned, from execution to execution ---
  // `counts`: whether what is done there tells executions apart (it stands in the program's own code).
  void new_site(SiteId site, bool counts = true);
  bool is_hot(SiteId site) const { return site < hot_.size() && hot_[site] == 2; }
  void make_hot(SiteId site);  // from the next execution on
  void heat(SiteId site);      // at once: a schedule names it
  std::vector<SiteId> hot_sites() const;
  bool learned_points() const { return !heating_.empty(); }  // the next execution will have other points
  void forget();
  Knowledge& knowledge() { return knowledge_; }
  const Detector& detector() const { return detector_; }
  void forget_races() { detector_.forget(); }
  // Accesses there order tasks as a lock does: a flag that the standard library itself reads without one.
  void make_synchronising(SiteId site) { mark(site, kSynchronises); }
  std::uint64_t next_points_version() const { return points_version_ + !heating_.empty(); }
  void make_indivisible(SiteId site) { mark(site, kIndivisible); }  // see Detector::As
  // Whether executions are learned from: it costs some microseconds each, and not every strategy uses it.
  void set_learning(bool learns) { learns_ = learns; }

 private:
  static constexpr std::size_t kLogCapacity = 1 << 16;
  static constexpr std::uint64_t kTurning = 20, kTiring = 1000;  // microseconds; see pass_time

  struct Timer {
    Nanos deadline;
    std::uint64_t ticket;
    TaskId task;
    bool operator>(const Timer& other) const {
      return deadline != other.deadline ? deadline > other.deadline : ticket > other.ticket;
    }
  };

  TaskRecord& me() { return tasks_[static_cast<std::size_t>(current_)]; }
  // Clocks, locks and accesses are the thread's: what two asyncio tasks of one loop do is ordered.
  TaskRecord& my_thread() { return tasks_[static_cast<std::size_t>(thread_)]; }
  Nanos next_alarm();
  void plan_cancellation();
  void stop_waiting(TaskRecord& record, TaskId id);
  void arrive(Op op, SiteId site, Key key);
  // What a lock is called in logs and pending operations: not its address alone, which another lock may have had before.
  Key identity_of(Key key) {
    const Meeting* meeting = meetings_.find(key);
    return meeting == nullptr || meeting->generation == 0 ? key : key ^ (static_cast<Key>(meeting->generation) << 48);
  }
  void enter_log(TaskId task, Op op, SiteId site, Key key, bool late = false) {
    if (log_.size() < kLogCapacity) log_.push_back({.key = key, .site = site, .task = task, .op = op, .late = late});
  }
  [[gnu::noinline]] bool enter(Key location, SiteId site, bool writes, bool part);
  TaskId default_choice() const;
  bool next_timer(Nanos& deadline);
  bool next_deadline(Nanos& deadline);
  void fire_timers(TaskId by);
  void stall_until(Nanos deadline);
  bool pass_time(Nanos deadline);  // whether somebody has become ready
  void hold(TaskRecord& record, TaskId id, Nanos deadline);
  void enlist(TaskId id, Key key);
  void delist(TaskId id);
  // Two locks share a bit if there are more than 64, and so may hide a pair of accesses: in another execution they do not.
  std::uint64_t bit_of(Key key) {
    std::uint32_t& number = meetings_[key].number;
    if (number == 0) number = ++locks_;
    return 1ULL << (number <= 64 ? number - 1 : (number * salt_ * 0x9E3779B97F4A7C15ULL) >> 58);
  }
  // How often the current task has come to a site, this time included.
  std::uint32_t count_pass(SiteId site) {
    return ++occurrences_[(static_cast<std::uint64_t>(current_) << 32) | site];
  }
  static constexpr std::uint8_t kSynchronises = 1, kIndivisible = 2;
  void mark(SiteId site, std::uint8_t what) {
    if (marks_.size() <= site) marks_.resize(static_cast<std::size_t>(site) + 1, 0);
    marks_[site] |= what;
  }
  std::uint32_t& clock_of(Meeting& meeting);
  void touch(Meeting& meeting);
  void hold_lock(TaskRecord& record, Key key);
  void drop_lock(TaskRecord& record, Key key);
  void step_epoch(TaskRecord& record, TaskId id);

  // --- the execution ---
  Strategy* strategy_ = nullptr;
  bool (*idle_)(Nanos, Nanos&) = nullptr;
  void (*let_pass_)(Nanos) = nullptr;
  Nanos longest_stall_ = kForever;
  void (*ring_)() = nullptr;
  RunOptions options_;
  std::vector<TaskRecord> tasks_;
  std::size_t count_ = 0;
  int alive_ = 0;
  TaskSet ready_;
  TaskId current_ = kNone;
  TaskId thread_ = kNone;
  std::vector<TaskId> selecting_;  // threads
  TaskSet offered_;
  TaskId running_ = kNone;
  std::uint32_t run_length_ = 0;
  std::uint32_t since_point_ = 0;  // accesses and readings of the clock
  std::uint32_t readings_ = 0;     // of the clock alone
  std::uint64_t salt_ = 1;
  std::uint32_t locks_ = 0;
  std::uint32_t grace_ = 0;  // decisions for which whoever fairness let go on is left alone
  std::uint64_t moments_ = 0;      // goes up with whatever could show an object to another task
  std::priority_queue<Timer, std::vector<Timer>, std::greater<Timer>> timers_;
  std::uint64_t tickets_ = 0;
  Nanos bell_ = kForever;
  Nanos now_ = 0;
  Nanos stalled_ = 0;
  Nanos shortest_stall_ = kForever;
  std::uint64_t steps_ = 0;
  std::uint64_t switches_ = 0;
  std::uint64_t forced_ = 0;
  std::uint64_t last_progress_ = 0;  // by effort()
  // Of pass_time: about how many microseconds what was done takes in life, at the last change, when time last passed.
  std::uint64_t spent_ = 0, spent_at_change_ = 0, spent_at_passing_ = 0;
  bool changed_ = false;  // something since spent_at_change_; taking a lock changes nothing
  bool may_cancel_ = false;
  std::uint64_t awaits_ = 0, cancel_at_ = 0;  // the number of the await to cancel at
  std::uint64_t turns_ = 0;          // of event loops, and of tasks that were tired
  std::uint64_t choices_ = 0;
  Ending ending_ = Ending::kRunning;
  FlatMap<Meeting> meetings_;
  FlatMap<std::uint32_t> occurrences_;
  ClockPool clocks_;
  Shadow shadow_;
  std::vector<Deviation> deviations_;
  std::vector<StallRecord> stalls_;
  Log log_;
  std::uint64_t trace_hash_ = 0;
  std::uint64_t call_hash_ = 0;

  // --- the knowledge ---
  std::vector<std::uint8_t> hot_;  // 0 cold, 1 from the next execution on, 2 hot
  std::vector<SiteId> heating_;
  std::uint64_t points_version_ = 0;
  Knowledge knowledge_;
  Detector detector_;
  std::vector<std::uint8_t> marks_;  // by site
  bool learns_ = false;
  bool watches_releases_ = false;
  bool cancelling_ = false;
  std::uint64_t most_awaits_ = 0;
  bool logs_time_ = false;
  bool logs_cold_ = false;  // accesses at which no point stands: while it is not settled which are points
  std::vector<std::uint8_t> counts_;  // by site: whether it enters call_hash()
};

}  // namespace unblink
