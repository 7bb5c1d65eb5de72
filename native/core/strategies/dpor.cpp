#include "dpor.hpp"

#include <algorithm>

namespace unblink {

namespace {
bool has(const std::vector<TaskId>& tasks, TaskId task) { return std::find(tasks.begin(), tasks.end(), task) != tasks.end(); }
}  // namespace

bool Dpor::Node::is_done(TaskId task) const {
  return std::any_of(done.begin(), done.end(), [&](const Sleeper& each) { return each.task == task; });
}

void Dpor::forget() {
  started_ = finished_ = diverged_ = false;
  strayed_at_ = kNoSite;
  interleavings_ = redundant_ = 0;
  nodes_.clear();
}

void Dpor::begin(const StrategyOptions& options) {
  if (options.points_version != points_version_ || finished_) forget();
  points_version_ = options.points_version;
  started_ = true;
  cursor_ = transitions_ = 0;
  numbers_.clear();
  keys_.assign(1, kNoKey);
  blocked_ = false;
  sleep_.clear();
}

// ---------------------------------------------------------------- to be continued

namespace {
constexpr std::uint32_t kMagic = 0x64706f72;
constexpr std::uint32_t kMostSaved = 1u << 20;

class Reader {
 public:
  explicit Reader(const std::vector<std::uint32_t>& words) : words_(words) {}
  std::uint32_t next() {
    if (at_ < words_.size()) return words_[at_++];
    good_ = false;
    return 0;
  }
  std::uint32_t count() {
    const std::uint32_t n = next();
    if (n > kMostSaved) good_ = false;
    return good_ ? n : 0;
  }
  bool done() const { return good_ && at_ == words_.size(); }

 private:
  const std::vector<std::uint32_t>& words_;
  std::size_t at_ = 0;
  bool good_ = true;
};

void put_tasks(std::vector<std::uint32_t>& words, const std::vector<TaskId>& tasks) {
  words.push_back(static_cast<std::uint32_t>(tasks.size()));
  for (const TaskId task : tasks) words.push_back(static_cast<std::uint32_t>(task));
}
std::vector<TaskId> take_tasks(Reader& reader) {
  std::vector<TaskId> tasks(reader.count());
  for (TaskId& task : tasks) task = static_cast<TaskId>(reader.next());
  return tasks;
}
}  // namespace

std::vector<std::uint32_t> Dpor::saved() const {
  if (!started_ || finished_ || diverged_ || nodes_.size() > kMostSaved) return {};
  std::vector<std::uint32_t> words{kMagic, static_cast<std::uint32_t>(interleavings_), static_cast<std::uint32_t>(redundant_),
                                   static_cast<std::uint32_t>(nodes_.size())};
  for (const Node& node : nodes_) {
    words.push_back(static_cast<std::uint32_t>(node.taken));
    put_tasks(words, node.enabled);
    put_tasks(words, node.backtrack);
    put_tasks(words, node.asleep);
    words.push_back(static_cast<std::uint32_t>(node.done.size()));
    for (const Sleeper& each : node.done) {
      words.push_back(static_cast<std::uint32_t>(each.task));
      words.push_back(static_cast<std::uint32_t>(each.touches.size()));
      for (const Touch& touch : each.touches) {
        words.push_back(touch.number);
        words.push_back(touch.writes | touch.inside << 1 | touch.part << 2 | touch.own << 3);
      }
    }
  }
  return words;
}

bool Dpor::restore(const std::vector<std::uint32_t>& words, std::uint64_t points_version) {
  Reader reader(words);
  if (reader.next() != kMagic) return false;
  const std::uint32_t interleavings = reader.next(), redundant = reader.next();
  std::vector<Node> nodes(reader.count());
  for (Node& node : nodes) {
    node.taken = static_cast<TaskId>(reader.next());
    node.enabled = take_tasks(reader);
    node.backtrack = take_tasks(reader);
    node.asleep = take_tasks(reader);
    node.done.resize(reader.count());
    for (Sleeper& each : node.done) {
      each.task = static_cast<TaskId>(reader.next());
      each.touches.resize(reader.count());
      for (Touch& touch : each.touches) {
        touch.key = kNoKey;  // an address of another process
        touch.number = reader.next();
        const std::uint32_t bits = reader.next();
        touch.writes = bits & 1;
        touch.inside = bits & 2;
        touch.part = bits & 4;
        touch.own = bits & 8;
      }
    }
  }
  if (!reader.done() || nodes.empty()) return false;
  forget();
  started_ = true;
  points_version_ = points_version;
  interleavings_ = interleavings;
  redundant_ = redundant;
  nodes_ = std::move(nodes);
  return true;
}

// ---------------------------------------------------------------- one execution

bool Dpor::Sleeper::depends_on(const Happened& now, std::uint32_t number) const {
  if (task == now.task || task == kClock || now.task == kClock) return true;
  if (now.key == kNoKey || (now.op == Op::kStart && now.is_inside())) return false;
  const bool writes = now.is_signal() || !observes_only(now.op);
  return std::any_of(touches.begin(), touches.end(), [&](const Touch& touch) {
    const bool same = touch.key != kNoKey ? touch.key == now.key : number > known;
    return same && (touch.writes || writes) && !(touch.part && now.part);
  });
}

std::uint32_t Dpor::number_of(Key key) {
  std::uint32_t& number = numbers_[key];
  if (number == 0) {
    number = static_cast<std::uint32_t>(keys_.size());
    keys_.push_back(key);
  }
  return number;
}

// What `tried` came to, by the keys of this execution.
Dpor::Sleeper Dpor::awaited(const Sleeper& tried, const Situation& s) const {
  Sleeper sleeper = tried;
  sleeper.known = static_cast<std::uint32_t>(keys_.size() - 1);
  for (Touch& touch : sleeper.touches) {
    if (touch.own && !touch.inside)
      touch.key = s.tasks.pending(tried.task).key;  // the operation itself
    else
      touch.key = touch.number < keys_.size() ? keys_[touch.number] : kNoKey;
  }
  return sleeper;
}

// What was done since the last decision: whoever slept on something that depends on it is awake.
void Dpor::follow(const Log& log) {
  for (; cursor_ < log.size(); ++cursor_) {
    const Happened& now = log[cursor_];
    if (now.never) return;
    if (now.cold) continue;
    if (!blocked_ && !now.is_inside() && transitions_ == nodes_.size() && sleeps(now.task)) {
      blocked_ = true;  // the only candidate
      blocked_at_ = transitions_;
    }
    const bool is_start = now.op == Op::kStart && now.is_inside();
    const std::uint32_t number = is_start ? number_of(key_of_task(static_cast<TaskId>(now.key))) : now.key == kNoKey ? 0 : number_of(now.key);
    if (!blocked_) std::erase_if(sleep_, [&](const Sleeper& sleeper) { return sleeper.depends_on(now, number); });
    if (now.is_inside()) continue;
    if (!blocked_) {
      if (transitions_ == nodes_.size())
        nodes_.push_back({now.task, {now.task}, {now.task}, {}, {}});
      else if (nodes_[transitions_].taken != now.task)
        stray(now.site);
    }
    ++transitions_;
  }
}

void Dpor::stray(SiteId site) {
  if (!diverged_) strayed_at_ = site;
  diverged_ = true;
}

bool Dpor::sleeps(TaskId task) const {
  return std::any_of(sleep_.begin(), sleep_.end(), [&](const Sleeper& sleeper) { return sleeper.task == task; });
}

TaskId Dpor::choose(const Situation& s) {
  follow(s.log);
  if (blocked_ || diverged_) return s.by_default;
  for (std::size_t task = 0; task < s.tasks.task_count(); ++task)  // what tasks are about to come to is known, too
    if (const Key key = s.tasks.pending(static_cast<TaskId>(task)).key; key != kNoKey) number_of(key);
  if (transitions_ < nodes_.size()) {
    const Node& node = nodes_[transitions_];
    for (const Sleeper& tried : node.done)
      if (!sleeps(tried.task)) sleep_.push_back(awaited(tried, s));
    const bool there = node.taken == kClock ? s.clock_allowed : s.ready.has(node.taken);
    if (!there) stray(s.tasks.pending(s.by_default).site);
    return there ? node.taken : s.by_default;
  }
  Node node;
  s.ready.each([&](TaskId task) { node.enabled.push_back(task); });
  if (s.clock_allowed) node.enabled.push_back(kClock);
  for (const Sleeper& sleeper : sleep_) node.asleep.push_back(sleeper.task);
  node.taken = s.by_default;
  if (sleeps(node.taken)) {
    const auto awake = std::find_if(node.enabled.begin(), node.enabled.end(), [&](TaskId task) { return !sleeps(task); });
    if (awake == node.enabled.end()) {
      blocked_ = true;
      blocked_at_ = transitions_;
      return s.by_default;
    }
    node.taken = *awake;
  }
  node.backtrack.push_back(node.taken);
  // The clock's next step may go when somebody is woken before: then no execution would show that it could have come here.
  if (s.clock_allowed && node.taken != kClock) node.backtrack.push_back(kClock);
  nodes_.push_back(std::move(node));
  return nodes_.back().taken;
}

// ---------------------------------------------------------------- after it: races, and where to go back to

void Dpor::ended(const Log& log) {
  if (!started_ || finished_) return;
  follow(log);
  if (diverged_) return;
  blocked_ ? ++redundant_ : ++interleavings_;
  analyse(log, blocked_ ? blocked_at_ : transitions_);
  advance();
}

bool Dpor::before(std::size_t i, const Transition& later) const {
  const std::size_t task = row(run_[i].task);
  return task < later.clock.size() && later.clock[task] >= static_cast<std::int64_t>(i);
}

// Whether the two come to one key and may not change places without a difference; `is_race`: also whether the later one could
// have come first, which it could not if it waited for what the earlier one gave.
bool Dpor::conflict(const Transition& earlier, const Transition& now, bool& is_race) const {
  is_race = false;
  if (earlier.task == kClock || now.task == kClock) return is_race = true;
  bool found = false;
  for (const Touch& mine : now.touches) {
    for (const Touch& its : earlier.touches) {
      if (mine.key != its.key || !(mine.writes || its.writes) || (mine.part && its.part)) continue;
      found = true;
      const bool waited = its.inside && !mine.inside && now.waits();
      const bool let_through = mine.inside && !its.inside && earlier.waits();
      const bool both_inside = mine.inside && its.inside;
      if (!waited && !let_through && !both_inside) is_race = true;
    }
  }
  return found;
}

bool Dpor::comes_first(const Transition& earlier, const Transition& later) const {
  bool unused;
  return std::find(earlier.starts.begin(), earlier.starts.end(), later.task) != earlier.starts.end() ||
         conflict(earlier, later, unused);
}

void Dpor::analyse(const Log& log, std::size_t limit) {
  run_.clear();
  std::vector<Happened> unfinished;
  for (const Happened& now : log) {
    if (now.cold) continue;
    if (now.never) {
      unfinished.push_back(now);
    } else if (!now.is_inside()) {
      if (run_.size() == limit) break;
      run_.push_back({now.task, now.op, now.late, {}, {}, {}});
      if (now.key != kNoKey) run_.back().touches.push_back({now.key, number_of(now.key), !observes_only(now.op), now.op == Op::kRelease, false, true});
    } else if (!run_.empty()) {
      if (now.op == Op::kStart)
        run_.back().starts.push_back(static_cast<TaskId>(now.key));
      else if (now.key != kNoKey)
        run_.back().touches.push_back({now.key, number_of(now.key), now.is_signal() || !observes_only(now.op), now.is_signal(), now.part});
    }
  }
  std::size_t rows = 1;
  for (const Transition& transition : run_) rows = std::max(rows, row(transition.task) + 1);
  std::vector<std::vector<std::int64_t>> of_task(rows, std::vector<std::int64_t>(rows, -1));
  const auto join = [](std::vector<std::int64_t>& into, const std::vector<std::int64_t>& from) {
    for (std::size_t i = 0; i < into.size(); ++i) into[i] = std::max(into[i], from[i]);
  };
  std::vector<std::size_t> racing;
  const auto find_races = [&](std::size_t k) {
    Transition& now = run_[k];
    now.clock = of_task[row(now.task)];
    now.clock.resize(rows, -1);
    // From the latest to the earliest: what comes before something that already comes before is no race of its own.
    racing.clear();
    std::vector<std::int64_t> after = now.clock;
    for (std::size_t i = k; i-- > 0;) {
      if (run_[i].task == now.task || after[row(run_[i].task)] >= static_cast<std::int64_t>(i)) continue;
      bool is_race;
      if (!conflict(run_[i], now, is_race)) continue;
      if (is_race) racing.push_back(i);
      // By its release alone, a lock's holder does not hide from whoever takes it next that both could have taken it.
      if (is_race) join(after, run_[i].clock);
      join(now.clock, run_[i].clock);
    }
  };
  const std::size_t done = run_.size();
  for (std::size_t k = 0; k < done; ++k) {
    find_races(k);
    Transition& now = run_[k];
    now.clock[row(now.task)] = static_cast<std::int64_t>(k);
    of_task[row(now.task)] = now.clock;
    for (const TaskId child : now.starts) {
      if (row(child) < rows) join(of_task[row(child)], now.clock);
    }
    for (const std::size_t i : racing) add_race(i, k);
  }
  // What a task would have done, had it not been kept from it: it may be what another one did that keeps it.
  for (const Happened& next : unfinished) {
    if (blocked_ || row(next.task) >= rows || next.key == kNoKey) continue;
    run_.push_back({next.task, next.op, false, {{next.key, number_of(next.key), !observes_only(next.op), false, false}}, {}, {}});
    find_races(done);
    for (const std::size_t i : racing) add_race(i, done);
    run_.pop_back();
  }
}

// The first transitions of v = what comes after i and is not ordered after it, then k: one of their tasks has to be tried at i.
void Dpor::add_race(std::size_t i, std::size_t k) {
  Node& node = nodes_[i];
  if (node.enabled.size() < 2) return;
  std::vector<std::size_t> v;
  for (std::size_t j = i + 1; j < k; ++j)
    if (!before(i, run_[j])) v.push_back(j);
  v.push_back(k);
  std::vector<TaskId> seen, initials;
  for (std::size_t a = 0; a < v.size(); ++a) {
    const TaskId task = run_[v[a]].task;
    if (std::find(seen.begin(), seen.end(), task) != seen.end()) continue;
    seen.push_back(task);
    bool first = true;
    for (std::size_t b = 0; b < a && first; ++b) first = !comes_first(run_[v[b]], run_[v[a]]);
    if (first) initials.push_back(task);
  }
  for (const TaskId task : initials)
    if (has(node.backtrack, task)) return;
  for (const TaskId task : initials) {
    if (!has(node.enabled, task)) continue;
    node.backtrack.push_back(task);
    return;
  }
  for (const TaskId task : node.enabled)
    if (!has(node.backtrack, task)) node.backtrack.push_back(task);
}

void Dpor::advance() {
  while (!nodes_.empty()) {
    Node& node = nodes_.back();
    const std::size_t number = nodes_.size() - 1;
    node.done.push_back({node.taken, number < run_.size() ? run_[number].touches : std::vector<Touch>{}});
    for (const TaskId task : node.backtrack) {
      if (node.is_done(task) || has(node.asleep, task)) continue;
      node.taken = task;
      return;
    }
    nodes_.pop_back();
  }
  finished_ = true;
}

}  // namespace unblink
