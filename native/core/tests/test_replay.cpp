// A schedule is kept as its deviations from the default order; directed by them, an execution is the same again.
#include "check.hpp"
#include "programs.hpp"
#include "strategies_for_tests.hpp"
#include "systematic.hpp"

using namespace unblink;
using namespace unblink::model;

namespace {

void replays_all(const Program& program, Nanos stall, const ModelOptions& base = {}) {
  Model model(program);
  Directed directed;
  for (const char* name : {"random", "pct", "pos"}) {
    const auto search = made(name);
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      ModelOptions options = base;
      options.run.strategy.seed = seed;
      options.run.stall_budget = stall;
      const Outcome first = model.run(*search, options);
      const std::size_t deviations = model.engine().deviations().size();
      directed.direct(model.directives());
      const Outcome again = model.run(directed, options);
      CHECK_EQUAL(again.trace_hash, first.trace_hash);
      CHECK_EQUAL(again.failure, first.failure);
      CHECK_EQUAL(static_cast<int>(again.ending), static_cast<int>(first.ending));
      CHECK_EQUAL(directed.first_missed(), -1L);
      CHECK_EQUAL(model.engine().deviations().size(), deviations);
      if (!check::failures().empty()) return;
    }
  }
}

}  // namespace

TEST("an execution directed by its deviations is the same again: accesses and locks") {
  replays_all(LostUpdate(), 0);
  replays_all(LockedUpdate(3, 3), 0);
  replays_all(CrossedLocks(), 0);
}

TEST("an execution directed by its deviations is the same again: conditions, queues and stalls") {
  replays_all(MissedSignal(), 0);
  replays_all(KeptSignal(), 0);
  replays_all(LateHandOff(), kSecond);
}

TEST("an execution directed by its deviations is the same again: where fairness cuts in") {
  ModelOptions options;
  options.run.fairness = 7;
  replays_all(Spinning(60), 0, options);
  replays_all(LockedUpdate(4, 8), 0, options);
}

TEST("several stalls at one place are replayed in their order") {
  Program p;
  const Variable late = p.variable();
  for (const int tenths : {1, 2, 3}) p.body([&](Body& b) { b.sleep(tenths * kSecond / 10).update(late, 1); });
  p.main([&](Body& b) { b.start(0).start(1).start(2).yield().yield().join_all(); });
  replays_all(p, kSecond);
}

TEST("tasks are named by creation path, since their numbers depend on the schedule") {
  Program p;
  const Variable x = p.variable();
  const BodyId leaf = p.body([&](Body& b) { b.update(x, 1); });
  const BodyId branch = p.body([&](Body& b) { b.start(leaf).start(leaf).join_all(); });
  p.main([&](Body& b) { b.start(branch).start(branch).join_all(); });
  replays_all(p, 0);
  Model model(p);
  model.run(*make_default_order());
  CHECK(model.path_of(0).empty());
  CHECK(model.path_of(2) == std::vector<std::int32_t>({2}));
  CHECK(model.path_of(3) == std::vector<std::int32_t>({1, 1}));
}

TEST("an occurrence is counted for each task and site") {
  Program p;
  const Variable x = p.variable();
  const BodyId thrice = p.body([&](Body& b) {
    b.set(1, constant(0)).until([](const Registers& r) { return r[1] == 3; }, [&](Body& once) {
      once.read(x, 0).set(1, plus(1, 1));
    });
  });
  p.main([&](Body& b) { b.start(thrice).start(thrice).join_all(); });
  Model model(p);
  std::vector<std::pair<TaskId, std::uint32_t>> seen;
  const SiteId read = p.steps(thrice)[1].site;
  Asking asking([&](const Situation& s) {
    if (s.tasks.pending(s.current).site == read) seen.emplace_back(s.current, s.tasks.pending(s.current).occurrence);
    return s.by_default;
  });
  model.run(asking);
  const std::vector<std::pair<TaskId, std::uint32_t>> expected = {{1, 1}, {1, 2}, {1, 3}};
  CHECK(seen == expected);  // task 2 is alone with main, which waits: nothing is asked
}

TEST("a directive that cannot be followed is missed, and the default order goes on") {
  LostUpdate program;
  Model model(program);
  const SiteId read = program.steps(0)[0].site;
  Directed directed;
  // A task that never starts, a pass that never comes, a task that nobody made, a stall without a deadline.
  directed.direct({{{1}, read, 1, {5}, false}, {{1}, read, 7, {2}, false}, {{9, 9}, read, 1, {2}, false}, {{1}, read, 1, {}, true}});
  const Outcome outcome = model.run(directed);
  CHECK(outcome.ending == Ending::kFinished);
  CHECK(!outcome.failed());
  CHECK_EQUAL(directed.taken(), 0u);
  CHECK_EQUAL(directed.first_missed(), 0L);
  CHECK(model.engine().deviations().empty());
}

TEST("one deviation is enough to lose an update") {
  LostUpdate program;
  Model model(program);
  Directed directed;
  const SiteId write = program.steps(0)[1].site;
  directed.direct({{{1}, write, 1, {2}, false}});
  CHECK(model.run(directed).failed());
  CHECK_EQUAL(model.engine().deviations().size(), 1u);
}

TEST("a directive is bound to its site late") {
  LostUpdate program;
  Model model(program);
  Directed directed;
  directed.direct({{{1}, kNoSite, 1, {2}, false}});
  CHECK(!model.run(directed).failed());
  directed.bind(0, program.steps(0)[1].site);
  CHECK(model.run(directed).failed());
}

TEST("each place where there is room for a stall can be given one") {
  Program program;
  const Variable late = program.variable();
  program.body([&](Body& b) { b.sleep(kSecond / 10).update(late, 1); });
  program.body([&](Body& b) { b.yield().update(late, 1).yield(); });
  program.main([&](Body& b) { b.start(0).start(1).join_all(); });
  Model model(program);
  ModelOptions options;
  options.run.stall_budget = kSecond;
  Directed directed;
  directed.direct({});
  CHECK(!model.run(directed, options).failed());
  const std::vector<StallPlace> places = directed.stall_places();
  CHECK(!places.empty());
  for (const StallPlace& place : places) {
    directed.direct({{model.path_of(place.task), place.site, place.occurrence, {}, true}});
    model.run(directed, options);
    CHECK_EQUAL(directed.first_missed(), -1L);
  }
  directed.direct({});
  CHECK(!model.run(directed).failed());  // with no budget for a stall there is no room
  CHECK(directed.stall_places().empty());
}

TEST("an answer that is no candidate is the default order's") {
  LostUpdate program;
  Model model(program);
  for (const TaskId nonsense : {kNone, kClock, TaskId{77}, TaskId{-9}}) {
    Asking asking([&](const Situation&) { return nonsense; });
    CHECK(!model.run(asking).failed());
    CHECK(model.engine().deviations().empty());
  }
}
