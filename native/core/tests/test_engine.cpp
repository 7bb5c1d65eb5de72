// The engine's own rules: the default order, locks, virtual time, limits, what is learned.
#include "check.hpp"
#include "programs.hpp"
#include "strategies_for_tests.hpp"
#include "systematic.hpp"

using namespace unblink;
using namespace unblink::model;

namespace {

Outcome run_by_default(const Program& program, const ModelOptions& options = {}) {
  Model model(program);
  return model.run(*make_default_order(), options);
}

// The engine alone, driven by hand: three tasks, main being one of them.
struct ByHand {
  Engine engine;
  std::unique_ptr<Strategy> strategy = make_default_order();
  RunOptions options;
  int tasks;
  explicit ByHand(RunOptions run = {}, int task_count = 3) : options(run), tasks(task_count) { restart(); }
  void restart() {
    engine.begin(*strategy, options);
    for (int i = 0; i < tasks; ++i) engine.spawn(i == 0 ? kNone : 0);
    go(0);
  }
  TaskId go(TaskId t) {
    engine.set_current(t);
    return t;
  }
};

}  // namespace

TEST("by default a task runs until it waits or ends, then the oldest ready task goes on") {
  ByHand h;
  CHECK_EQUAL(h.engine.point(Op::kWrite, 5, 8), 0);
  CHECK_EQUAL(h.go(h.engine.wait(Op::kJoin, 6, 99, kForever)), 1);
  CHECK_EQUAL(h.engine.point(Op::kWrite, 7, 8), 1);
  CHECK_EQUAL(h.go(h.engine.finish()), 2);
  h.engine.signal(99);
  CHECK_EQUAL(h.engine.point(Op::kWrite, 7, 8), 2);  // main is ready and older, but nothing makes task 2 stop
  CHECK_EQUAL(h.go(h.engine.finish()), 0);
  CHECK_EQUAL(h.engine.finish(), kNone);
  CHECK_EQUAL(h.engine.alive(), 0);
  CHECK(h.engine.deviations().empty());
}

TEST("a task that has run for long lets the next one go, round and round") {
  RunOptions options;
  options.fairness = 10;
  ByHand h(options);
  std::vector<int> done(3, 0);
  std::vector<TaskId> order;
  for (int i = 0; i < 95; ++i) {
    ++done[static_cast<std::size_t>(h.engine.current())];
    const TaskId before = h.engine.current();
    if (h.go(h.engine.point(Op::kWrite, 5, 8)) != before) order.push_back(h.engine.current());
  }
  CHECK(order.size() >= 8);
  for (std::size_t i = 0; i < order.size(); ++i) CHECK_EQUAL(order[i], static_cast<TaskId>((i + 1) % 3));
  for (const int count : done) CHECK_WITHIN(count, 20, 40);
  CHECK(h.engine.deviations().empty());  // it is part of the default order
}

TEST("tasks that wake each other in vain take turns with the others") {
  ByHand h;
  int waits = 0;
  for (; h.engine.current() != 2 && waits < 50'000; ++waits) {
    const TaskId me = h.engine.current();
    h.engine.signal(static_cast<Key>(65 - me));
    h.go(h.engine.wait(Op::kAcquire, 6, static_cast<Key>(64 + me), kForever));
  }
  CHECK_WITHIN(waits, 1'000, 5'000);  // who is ready and could end it is not kept from it for ever
  CHECK(h.engine.deviations().empty());  // it is part of the default order
}

TEST("fairness holds against a strategy that insists on one task") {
  Asking stubborn([](const Situation& s) { return s.ready.has(1) ? 1 : s.by_default; });
  Spinning program(20);
  Model model(program);
  CHECK(model.run(stubborn).ending == Ending::kFinished);
}

TEST("whoever comes to a lock that is held waits, and goes on when it is free") {
  ByHand h;
  h.engine.point_acquire(5, 64, false, kForever);
  h.engine.acquired(64);
  CHECK_EQUAL(h.engine.owner(64), 0);
  h.go(1);
  CHECK_EQUAL(h.go(h.engine.point_acquire(6, 64, true, kForever)), 0);
  CHECK(h.engine.task(1).state == TaskState::kWaiting);
  h.engine.released(64);
  CHECK_EQUAL(h.engine.owner(64), kNone);
  CHECK(h.engine.task(1).state == TaskState::kReady);
}

TEST("a task that was about to take a lock waits when another takes it first") {
  ByHand h;
  h.engine.point_acquire(5, 64, false, kForever);  // task 0 stands before the free lock
  h.go(1);
  h.engine.point_acquire(6, 64, false, kForever);
  h.engine.acquired(64);
  CHECK(h.engine.task(0).state == TaskState::kWaiting);
  CHECK(h.engine.task(1).state == TaskState::kReady);
  h.engine.released(64);
  CHECK(h.engine.task(0).state == TaskState::kReady);
}

TEST("a fresh lock needs no point where its maker takes it, until an execution shows that others come to it") {
  ByHand h;
  const SiteId site = 3;
  for (const bool shared_before : {false, true}) {
    h.engine.created(64);
    CHECK(h.engine.needs_no_point(64, site));  // a moment ago: nobody can have come in between
    h.engine.point(Op::kYield, 5, kNoKey);
    CHECK_EQUAL(h.engine.needs_no_point(64, site), !shared_before);
    h.engine.acquired(64);
    h.engine.released(64);
    CHECK(!h.engine.needs_no_point(72, site));  // made before the execution
    h.go(1);
    CHECK(!h.engine.needs_no_point(64, site));
    h.engine.acquired(64);
    h.engine.released(64);
    h.go(0);
    CHECK(!h.engine.needs_no_point(64, site));
    h.restart();
  }
}

TEST("a lock keeps every update, in every schedule") {
  LockedUpdate program(2, 2);
  Model model(program);
  const std::size_t count = run_every_schedule(model, ModelOptions{}, [](const Outcome& o) { CHECK(!o.failed()); });
  CHECK_WITHIN(count, 50, 100'000);
}

TEST("without a lock both outcomes are among the schedules, and the default order gives the right one") {
  LostUpdate program;
  CHECK(!run_by_default(program).failed());
  Model model(program);
  std::size_t lost = 0;
  const std::size_t count = run_every_schedule(model, ModelOptions{}, [&](const Outcome& o) { lost += o.failed(); });
  CHECK_WITHIN(lost, 1, count - 1);
}

TEST("a timed wait ends at its virtual time, when all others wait") {
  Program p;
  const Lock l = p.lock();
  const BodyId holder = p.body([&](Body& b) { b.lock(l).sleep(30 * kSecond).unlock(l); });
  p.main([&](Body& b) {
    b.start(holder).sleep(kSecond).lock(l, 2 * kSecond, 0);
    b.check_own("it gave up", [](const Registers& r) { return r[0] == 0; });
    b.lock(l, 40 * kSecond, 1);
    b.check_own("it got it", [](const Registers& r) { return r[1] == 1; });
    b.unlock(l).join_all();
  });
  Model model(p);
  const Outcome outcome = model.run(*make_default_order());
  CHECK_EQUAL(outcome.failure, std::string());
  CHECK(outcome.ending == Ending::kFinished);
  CHECK_EQUAL(model.engine().now(), 30 * kSecond);
  CHECK_EQUAL(model.engine().stalled(), 0);  // nobody was held back
}

TEST("sleepers wake in the order of their times, and equal times at once") {
  Program p;
  const Queue q = p.queue();
  for (const int seconds : {3, 1, 2})
    p.body([&](Body& b) { b.sleep(seconds * kSecond).put(q, constant(seconds)); });
  p.main([&](Body& b) {
    b.start(0).start(1).start(2).get(q, 0).get(q, 1).get(q, 2).join_all();
    b.check_own("by time", [](const Registers& r) { return r[0] == 1 && r[1] == 2 && r[2] == 3; });
  });
  CHECK_EQUAL(run_by_default(p).failure, std::string());
}

TEST("a reading of the clock is never twice the same and lets whoever is due go on") {
  ByHand h;
  const Nanos first = h.engine.tick();
  CHECK(h.engine.tick() > first);
  h.go(h.engine.wait(Op::kSleep, 5, kNoKey, h.engine.now() + 1));
  CHECK(h.engine.task(0).state == TaskState::kWaiting);
  h.engine.tick();
  CHECK(h.engine.task(0).state == TaskState::kReady);
  CHECK_EQUAL(h.engine.stalled(), 0);
}

TEST("without a budget no task is held back, with one no longer than it allows") {
  LateHandOff program;
  Model model(program);
  for (const Nanos budget : {Nanos{0}, kSecond / 2 - 1, kSecond / 2, 3 * kSecond}) {
    std::size_t late = 0;
    const std::size_t count = run_every_schedule(model, options_of(0, budget), [&](const Outcome& o) {
      late += o.failed();
      CHECK(model.engine().stalled() <= budget);
      Nanos sum = 0;
      for (const StallRecord& stall : model.engine().stalls()) sum += stall.amount;
      CHECK_EQUAL(sum, model.engine().stalled());
    });
    CHECK(count > 1);
    CHECK_EQUAL(late > 0, budget >= kSecond / 2);
  }
}

TEST("the shortest stall that would matter is known without taking it") {
  LateHandOff program;
  Model model(program);
  Nanos shortest = kForever;
  run_every_schedule(model, options_of(0), [&](const Outcome&) {
    shortest = std::min(shortest, model.engine().shortest_stall());
  });
  CHECK_EQUAL(shortest, kSecond / 2);
}

TEST("a stall says who was held back and between which places") {
  LateHandOff program;
  Model model(program);
  Asking impatient([](const Situation& s) { return s.clock_allowed ? kClock : s.by_default; });
  const Outcome outcome = model.run(impatient, options_of(0, kSecond));
  CHECK(!outcome.failed());  // the worker has not begun to wait when main goes on
  Asking late([](const Situation& s) { return s.clock_allowed ? kClock : s.ready.has(1) ? 1 : s.by_default; });
  CHECK(model.run(late, options_of(0, kSecond)).failed());
  CHECK_EQUAL(model.engine().stalls().size(), 1u);
  const StallRecord& stall = model.engine().stalls()[0];
  CHECK_EQUAL(stall.task, 0);
  CHECK_EQUAL(stall.amount, kSecond / 2);
  CHECK(stall.before > stall.after);
}

TEST("an AB-BA deadlock ends with nobody to go on, in some schedules only") {
  CrossedLocks program;
  CHECK(run_by_default(program).ending == Ending::kFinished);
  Model model(program);
  std::size_t stuck = 0;
  const std::size_t count =
      run_every_schedule(model, ModelOptions{}, [&](const Outcome& o) { stuck += o.ending == Ending::kStuck; });
  CHECK_WITHIN(stuck, 1, count - 1);
}

TEST("a missed signal leaves its waiter stuck; a flag under the lock does not") {
  MissedSignal missed;
  Model missing(missed);
  std::size_t stuck = 0;
  const std::size_t count =
      run_every_schedule(missing, ModelOptions{}, [&](const Outcome& o) { stuck += o.ending == Ending::kStuck; });
  CHECK_WITHIN(stuck, 1, count - 1);
  KeptSignal kept;
  Model keeping(kept);
  run_every_schedule(keeping, ModelOptions{}, [](const Outcome& o) { CHECK(o.ending == Ending::kFinished); });
}

TEST("a loop that waits for what never comes is a livelock") {
  Spinning program(5, false);
  Model model(program);
  ModelOptions options;
  options.run.livelock_after = 2'000;
  for (const char* name : {"default", "random", "pct", "pos"}) {
    CHECK(model.run(*made(name), options).ending == Ending::kLivelock);
    CHECK_WITHIN(model.engine().steps(), 2'000, 2'100);
  }
}

TEST("a loop that waits for what comes late is no livelock") {
  Spinning program(900);
  Model model(program);
  ModelOptions options;
  options.run.livelock_after = 50'000;
  for (const char* name : {"default", "random", "pos"})
    CHECK_EQUAL(static_cast<int>(model.run(*made(name), options).ending), static_cast<int>(Ending::kFinished));
}

TEST("an execution that makes progress for ever ends at the step limit") {
  Program p;
  const Variable x = p.variable();
  p.main([&](Body& b) {
    b.until([](const Registers&) { return false; }, [&](Body& once) { once.write(x, plus(0, 1)); });
  });
  ModelOptions options;
  options.run.step_limit = 10'000;
  CHECK(run_by_default(p, options).ending == Ending::kStepLimit);
}

TEST("sites that can come in either order become points from the next execution on") {
  LostUpdate program;
  Model model(program);
  ModelOptions options;
  options.points_at_cold_sites = false;
  const Outcome first = model.run(*make_default_order(), options);
  const Outcome second = model.run(*make_default_order(), options);
  CHECK(second.steps > first.steps);
  CHECK_EQUAL(model.engine().hot_sites().size(), 2u);  // the read and the write of x
  CHECK(times_that(model, "random", 100, fails, options) > 0);
  model.engine().forget();
  CHECK_EQUAL(model.run(*make_default_order(), options).steps, first.steps);
}

TEST("sites of variables under one lock stay cold") {
  LockedUpdate program(3, 2);
  Model model(program);
  ModelOptions options;
  options.points_at_cold_sites = false;
  CHECK_EQUAL(times_that(model, "random", 200, fails, options), 0);
  CHECK_EQUAL(model.engine().hot_sites().size(), 0u);
}

TEST("a lock's turn alone orders nothing: under another schedule the accesses come the other way") {
  Program p;
  const Variable x = p.variable();
  const Lock l = p.lock();
  const BodyId before = p.body([&](Body& b) { b.write(x, 1).lock(l).unlock(l); });
  const BodyId after = p.body([&](Body& b) { b.lock(l).unlock(l).write(x, 2); });
  p.main([&](Body& b) { b.start(before).start(after).join_all(); });
  Model model(p);
  model.run(*make_default_order());
  CHECK_EQUAL(model.engine().hot_sites().size(), 2u);
}

TEST("under two different locks accesses can come in either order, unless both hold a third") {
  for (const bool common : {false, true}) {
    Program p;
    const Variable x = p.variable();
    const Lock locks[] = {p.lock(), p.lock()}, third = p.lock();
    for (const Lock own : locks)
      p.body([&](Body& b) {
        b.lock(own);
        if (common) b.lock(third);
        b.update(x, 1);
        if (common) b.unlock(third);
        b.unlock(own);
      });
    p.main([&](Body& b) { b.start(0).start(1).join_all(); });
    Model model(p);
    model.run(*make_default_order());
    CHECK_EQUAL(model.engine().hot_sites().size(), common ? 0u : 2u);
  }
}

TEST("starts, joins, queues and signals order what happens before and after them") {
  Program p;
  const Variable x = p.variable(), y = p.variable(), z = p.variable();
  const Queue up = p.queue(), down = p.queue();
  const Lock l = p.lock();
  const Condition c = p.condition();
  const BodyId child = p.body([&](Body& b) {
    b.read(x, 0).write(y, 1).put(up, constant(1)).get(down, 1).lock(l).write(z, 1).notify(c).unlock(l).write(x, 3);
  });
  p.main([&](Body& b) {
    b.write(x, 1).start(child).get(up, 0).read(y, 1).write(y, 2);
    b.lock(l).put(down, constant(2)).wait(c, l).unlock(l).read(z, 2).join_all().write(x, 2);
  });
  Model model(p);
  CHECK_EQUAL(times_that(model, "random", 300, fails), 0);
  CHECK_EQUAL(model.engine().hot_sites().size(), 0u);
}

TEST("an engine that is used again gives what a new one gives") {
  LateHandOff program;
  Model used(program);
  times_that(used, "random", 50, fails, options_of(0, kSecond));
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Model fresh(program);
    const auto random = make_random();
    const Outcome a = used.run(*random, options_of(seed, kSecond));
    CHECK_EQUAL(a.trace_hash, fresh.run(*random, options_of(seed, kSecond)).trace_hash);
  }
}

TEST("three hundred tasks are no trouble") {
  LockedUpdate program(300, 1);
  CHECK(!run_by_default(program).failed());
  Model model(program);
  CHECK_EQUAL(times_that(model, "random", 3, fails), 0);
}

TEST("a task that is woken from outside and must wait again stands in the list once") {
  ByHand h;
  h.go(1);
  h.engine.point_acquire(6, 64, true, kForever);
  h.engine.wake(1);
  h.go(1);
  h.engine.wait(Op::kAcquire, 6, 64, kForever);
  CHECK(h.engine.task(1).next != 1);
  CHECK(h.engine.task(1).previous != 1);
}

TEST("a deadline that passed while its task was ready is no stall of negative length") {
  Program p;
  const Lock l = p.lock();
  const BodyId waiter = p.body([&](Body& b) { b.lock(l, kSecond); });
  const BodyId sleeper = p.body([&](Body& b) { b.sleep(2 * kSecond); });
  p.main([&](Body& b) { b.lock(l).start(waiter).start(sleeper).yield().unlock(l).yield().lock(l).yield().unlock(l); });
  const SiteId let_go = p.steps(p.main_body())[5].site;
  Asking asking([&](const Situation& s) {  // the others come to their waits first; then, with the lock free, a stall
    if (s.current == 0 && s.tasks.pending(0).site >= let_go) return s.clock_allowed && s.ready.has(1) ? kClock : 0;
    return s.ready.has(2) ? 2 : s.ready.has(1) ? 1 : s.by_default;
  });
  Model model(p);
  model.run(asking, options_of(0, 3 * kSecond));
  CHECK_EQUAL(model.engine().stalled(), 2 * kSecond);
  CHECK(model.engine().shortest_stall() >= 0);
}

TEST("a bell rings at its time, before later deadlines, and may break off a wait") {
  static ByHand* rung;
  ByHand h({}, 2);
  rung = &h;
  h.engine.set_ring([] {
    rung->engine.set_bell(kForever);
    CHECK(rung->engine.break_wait(0));
    CHECK(!rung->engine.break_wait(0));
  });
  h.engine.set_bell(h.engine.now() + kSecond);
  h.go(1);
  CHECK_EQUAL(h.engine.wait(Op::kSleep, 5, kNoKey, h.engine.now() + 9 * kSecond), 0);
  h.go(0);
  CHECK_EQUAL(h.engine.wait(Op::kAcquire, 6, 64, h.engine.now() + 5 * kSecond), 0);
  CHECK_EQUAL(h.engine.now(), h.options.epoch + kSecond);
  h.go(0);
  CHECK(!h.engine.timed_out());
  CHECK_EQUAL(h.engine.wait(Op::kAcquire, 6, 64, h.options.epoch + 5 * kSecond), 0);
  CHECK_EQUAL(h.engine.now(), h.options.epoch + 5 * kSecond);
  h.go(0);
  CHECK(h.engine.timed_out());
}

TEST("switches are counted when the running task changes") {
  RunOptions options;
  options.fairness = 10;
  ByHand h(options, 2);
  h.engine.set_current(1);
  h.engine.wait(Op::kSleep, 5, kNoKey, kSecond);
  h.go(0);
  for (int i = 0; i < 100; ++i) CHECK_EQUAL(h.engine.point(Op::kWrite, 6, 8), 0);
  CHECK_EQUAL(h.engine.switches(), 0u);
}
