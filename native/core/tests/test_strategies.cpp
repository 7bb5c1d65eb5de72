// The strategies: one seed, one execution; and the probabilities that their papers promise. Seeds are fixed, so
// nothing here can flicker; bounds leave four standard deviations.
#include <cmath>
#include <map>
#include <set>

#include "check.hpp"
#include "programs.hpp"
#include "strategies_for_tests.hpp"
#include "systematic.hpp"

using namespace unblink;
using namespace unblink::model;

namespace {

void is_a_share(int hits, int trials, double probability) {
  const double deviation = 4 * std::sqrt(trials * probability * (1 - probability));
  CHECK_WITHIN(hits, trials * probability - deviation, trials * probability + deviation);
}

// Two tasks that wake at the same time; the first has `before` operations of its own before both write x.
struct Rivals : Program {
  Variable x = variable();
  explicit Rivals(int before = 0) {
    const BodyId one = body([&](Body& b) {
      b.sleep(kSecond).repeat(before, [](Body& once) { once.yield(); }).write(x, 1);
    });
    const BodyId two = body([&](Body& b) { b.sleep(kSecond).write(x, 2); });
    main([&](Body& b) { b.start(one).start(two).join_all(); });
  }
};

// A loses the first choice to B or wins it; B's second operation comes while A waits for it. Who writes x last?
struct Relay : Program {
  Variable x = variable();
  Relay() {
    const Queue q = queue();
    const BodyId one = body([&](Body& b) { b.get(q, 0).write(x, 1); });
    const BodyId two = body([&](Body& b) { b.put(q, constant(1)).write(x, 2); });
    main([&](Body& b) { b.start(one).start(two).join_all(); });
  }
};

}  // namespace

TEST("strategies are made by name, and an unknown name makes none") {
  for (const char* name : {"default", "random", "pct", "pos"}) CHECK(made(name) != nullptr);
  CHECK(made("") == nullptr);
  CHECK(made("Random") == nullptr);
}

TEST("one seed gives one execution, and seeds give different ones") {
  LockedUpdate program(3, 3);
  Model model(program);
  for (const char* name : {"random", "pct", "pos"}) {
    std::set<std::uint64_t> traces;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      const std::uint64_t hash = model.run(*made(name), options_of(seed)).trace_hash;
      CHECK_EQUAL(hash, model.run(*made(name), options_of(seed)).trace_hash);
      traces.insert(hash);
    }
    CHECK_WITHIN(traces.size(), 10, 50);
  }
}

TEST("every strategy finds every shallow bug") {
  const auto finds = [](const Program& program, int seeds, Nanos stall = 0) {
    Model model(program);
    for (const char* name : {"random", "pct", "pos"})
      CHECK(times_that(model, name, seeds, fails, options_of(0, stall)) > 0);
  };
  finds(LostUpdate(), 300);
  finds(CrossedLocks(), 300);
  finds(MissedSignal(), 300);
  finds(LateHandOff(), 300, kSecond);
}

TEST("no strategy finds a failure in a correct program") {
  const auto clean = [](const Program& program, Nanos stall = 0) {
    Model model(program);
    for (const char* name : {"default", "random", "pct", "pos"})
      CHECK_EQUAL(times_that(model, name, 300, fails, options_of(0, stall)), 0);
  };
  clean(LockedUpdate(3, 2));
  clean(KeptSignal());
  clean(LateHandOff(), kSecond / 4);
}

TEST("random takes each candidate alike") {
  std::map<TaskId, int> taken;
  Rng seeds(7);
  TaskSet ready;
  for (const TaskId t : {0, 3, 64, 70}) ready.add(t);
  struct Nobody : Tasks {
    Pending none;
    const Pending& pending(TaskId) const override { return none; }
    std::size_t task_count() const override { return 71; }
  } tasks;
  const auto random = make_random();
  random->begin({.seed = 11});
  for (int i = 0; i < 10'000; ++i) ++taken[random->choose({tasks, ready, 0, 0, true, 1, {}})];
  CHECK_EQUAL(taken.size(), 5u);
  for (const auto& [task, count] : taken) is_a_share(count, 10'000, 0.2);
}

TEST("PCT of depth 1 finds a bug of depth 1 at least once in as many executions as there are tasks") {
  TwoWriters program;
  Model model(program);
  ModelOptions options;
  options.run.strategy.depth = 1;
  const int hits = times_that(model, "pct", 3'000, [&](const Outcome& o) { return o.variables[0] == 1; }, options);
  CHECK_WITHIN(hits, 3'000 / 3 - 4 * 26, 3'000);
}

TEST("PCT of depth 2 finds a lost update at least once in n k executions") {
  LostUpdate program;
  Model model(program);
  ModelOptions options;
  options.run.strategy.depth = 2;
  options.run.strategy.expected_steps = model.run(*make_default_order()).steps;
  const double bound = 1.0 / (3.0 * static_cast<double>(options.run.strategy.expected_steps));
  const int trials = 5'000;
  const int hits = times_that(model, "pct", trials, fails, options);
  CHECK_WITHIN(hits, trials * bound, trials);
}

TEST("PCT of depth 1 never switches away from a task that can go on, but for a new one") {
  LockedUpdate program(2, 4);
  Model model(program);
  ModelOptions options;
  options.run.strategy.depth = 1;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    options.run.strategy.seed = seed;
    model.run(*make_pct(), options);
    CHECK(model.engine().switches() < 12);
  }
}

TEST("PCT can let the task that was lowered later go on before the one that was lowered earlier") {
  Nested program;
  Model model(program);
  ModelOptions options;
  options.run.strategy.depth = 3;
  options.run.strategy.expected_steps = model.run(*make_default_order()).steps;
  const int hits = times_that(model, "pct", 100'000, fails, options);
  CHECK(hits > 0);
}

TEST("the nested bug exists: some schedule fails") {
  Nested program;
  Model model(program);
  CHECK(times_that(model, "random", 20'000, fails) > 0);
}

TEST("POS lets each of two conflicting operations be the first alike") {
  Rivals program;
  Model model(program);
  is_a_share(times_that(model, "pos", 4'000, [](const Outcome& o) { return o.variables[0] == 1; }), 4'000, 0.5);
}

TEST("POS reaches an order of two conflicting operations that a random walk nearly never does") {
  Rivals program(10);
  Model model(program);
  const auto first_is_done_first = [](const Outcome& o) { return o.variables[0] == 2; };
  const int by_random = times_that(model, "random", 4'000, first_is_done_first);
  const int by_pos = times_that(model, "pos", 4'000, first_is_done_first);
  CHECK_WITHIN(by_random, 0, 40);   // 13 / 2^12
  CHECK_WITHIN(by_pos, 300, 1'200);
}

TEST("POS draws again for what conflicts with the operation that was done") {
  Relay program;
  Model model(program);
  const int hits = times_that(model, "pos", 4'000, [](const Outcome& o) { return o.variables[0] == 1; });
  CHECK_WITHIN(hits, 400, 3'600);
}

TEST("POS draws a priority for each operation, also for those that it was not asked about") {
  struct Two : Tasks {
    Pending pendings[2];
    const Pending& pending(TaskId t) const override { return pendings[t]; }
    std::size_t task_count() const override { return 2; }
  } tasks;
  TaskSet both;
  both.add(0);
  both.add(1);
  int loser_first = 0;
  const auto pos = make_pos();
  for (std::uint64_t seed = 0; seed < 4'000; ++seed) {
    pos->begin({.seed = seed});
    pos->spawned(0, kNone, 0);
    pos->spawned(1, 0, 1);
    tasks.pendings[0] = tasks.pendings[1] = {Op::kYield, 2, kNoKey};
    const TaskId winner = pos->choose({tasks, both, 0, 0, false, 1, {}});
    const TaskId loser = 1 - winner;
    // The winner waits; the loser does three operations alone; then both can go on.
    tasks.pendings[winner] = {Op::kYield, 2, kNoKey, 2};
    tasks.pendings[loser] = {Op::kYield, 5, kNoKey, 5};
    loser_first += pos->choose({tasks, both, loser, loser, false, 5, {}}) == loser;
  }
  is_a_share(loser_first, 4'000, 0.5);
}
