// What the engine is told that happened, and what it learns of it: locks, happens-before, accesses, points.
#include "engine.hpp"

namespace unblink {

// ---------------------------------------------------------------- what happened

void Engine::created(Key key) {
  const Meeting* before = meetings_.find(key);
  const std::uint32_t generation = before == nullptr ? 0 : before->generation + 1;
  Meeting& meeting = meetings_[key];
  meeting = Meeting{};
  meeting.generation = generation & 0x1fff;
  meeting.creator = thread_;
  meeting.fresh = true;
  meeting.created_at = moments_;
}

// Another task than its maker has come to a fresh lock: where the maker took it, others could have been first.
void Engine::touch(Meeting& meeting) {
  if (!meeting.fresh || meeting.creator == thread_) return;
  meeting.fresh = false;
  if (meeting.first_site != kNoSite) make_hot(meeting.first_site);
}

void Engine::tried(Key key) {
  watches_releases_ = true;
  Meeting& meeting = meetings_[key];
  meeting.tried = true;
  if (meeting.release_site != kNoSite) make_hot(meeting.release_site);
}

bool Engine::releases(Key key, SiteId site) {
  Meeting& meeting = meetings_[key];
  if (meeting.tried) make_hot(site);
  meeting.release_site = site;
  return is_hot(site);
}

bool Engine::needs_no_point(Key key, SiteId site) {
  Meeting* meeting = meetings_.find(key);
  if (meeting == nullptr || !meeting->fresh || meeting->creator != thread_) return false;
  if (meeting->created_at == moments_) return true;
  if (is_hot(site)) return false;
  meeting->first_site = site;
  count_pass(site);  // as it would be where the site is known to matter: a schedule names passes
  return true;
}

TaskId Engine::owner(Key key) {
  const Meeting* meeting = meetings_.find(key);
  return meeting == nullptr ? kNone : meeting->owner;
}

void Engine::acquired(Key key, bool orders) {
  if (me().waits_for == key) delist(current_);
  Meeting& meeting = meetings_[key];
  meeting.owner = thread_;
  touch(meeting);
  hold_lock(my_thread(), key);
  // Whoever was about to take it must wait now; the deadline counts from when it came.
  for (TaskId t = meeting.head; t != kNone; t = task(t).next) {
    TaskRecord& record = task(t);
    if (record.state == TaskState::kReady && record.pending.op == Op::kAcquire) hold(record, t, std::max(record.deadline, now_));
  }
  if (!orders) return;
  if (meeting.clock != ClockPool::kNothing) my_thread().clock.join(clocks_[meeting.clock]);
  if (meeting.causes != ClockPool::kNothing) my_thread().causes.join(clocks_[meeting.causes]);
}

void Engine::not_a_lock(Key key) { drop_lock(my_thread(), key); }

std::uint32_t& Engine::clock_of(Meeting& meeting) {
  if (meeting.clock == ClockPool::kNothing) meeting.clock = clocks_.take();
  return meeting.clock;
}

void Engine::hold_lock(TaskRecord& record, Key key) {
  record.held.push_back(key);
  record.lock_bits |= bit_of(key);
}

void Engine::drop_lock(TaskRecord& record, Key key) {
  record.lock_bits = 0;
  for (std::size_t i = 0; i < record.held.size(); ++i) {
    if (record.held[i] == key) {
      record.held[i] = record.held.back();
      record.held.pop_back();
      if (i == record.held.size()) break;
    }
    record.lock_bits |= bit_of(record.held[i]);
  }
}

bool Engine::released(Key key, bool orders) {
  Meeting& meeting = meetings_[key];
  touch(meeting);
  const bool foreign = meeting.owner != kNone && meeting.owner != thread_;
  if (meeting.owner != kNone) drop_lock(task(meeting.owner), key);
  meeting.owner = kNone;
  enter_log(current_, Op::kRelease, kNoSite, identity_of(key));
  if (orders) {
    clocks_[clock_of(meeting)].join(my_thread().clock);
    step_epoch(my_thread(), thread_);
  }
  for (TaskId t = meeting.head; t != kNone; t = task(t).next) wake(t);
  return foreign;
}

void Engine::signal(Key key) {
  Meeting* meeting = meetings_.find(key);
  if (meeting == nullptr) return;
  while (meeting->head != kNone) {
    const TaskId id = meeting->head;
    delist(id);
    wake(id);
  }
}

void Engine::publish(Key key) {
  enter_log(current_, Op::kPublish, kNoSite, key);
  Meeting& meeting = meetings_[key];
  clocks_[clock_of(meeting)].join(my_thread().clock);
  if (meeting.causes == ClockPool::kNothing) meeting.causes = clocks_.take();
  clocks_[meeting.causes].join(my_thread().causes);
  step_epoch(my_thread(), thread_);
}

void Engine::observe(Key key) {
  const Meeting* meeting = meetings_.find(key);
  if (meeting == nullptr) return;
  if (meeting->clock != ClockPool::kNothing) my_thread().clock.join(clocks_[meeting->clock]);
  if (meeting->causes != ClockPool::kNothing) my_thread().causes.join(clocks_[meeting->causes]);
}

// Both clocks count a task's own epochs alike.
void Engine::step_epoch(TaskRecord& record, TaskId id) {
  record.clock.advance(id);
  record.causes.advance(id);
  record.epoch = epoch_of(id, record.causes.of(id));
}

bool Engine::enter(Key location, SiteId site, bool writes, bool part) {
  bool raced = false;
  TaskRecord& record = my_thread();
  shadow_.enter(location, {thread_, record.causes.of(thread_), site, record.lock_bits, writes, part},
                record.causes, [&](const Access& earlier) {
                  if ((earlier.locks & record.lock_bits) != 0) return;
                  raced = true;
                  make_hot(earlier.site);
                  make_hot(site);
                });
  if (logs_cold_ && !part && site < hot_.size() && hot_[site] != 2 && log_.size() < kLogCapacity)
    log_.push_back({.key = location, .site = site, .task = current_, .op = writes ? Op::kWrite : Op::kRead, .cold = true});
  const std::uint8_t marks = site < marks_.size() ? marks_[site] : 0;
  if (marks & kSynchronises) synchronise(location, writes);
  if (options_.detects && marks != kSynchronises && (location & kUntold) == 0) {
    const auto as = part ? Detector::As::kPart : writes && (marks & kIndivisible) ? Detector::As::kIndivisible : Detector::As::kWhole;
    detector_.access(location, thread_, record.clock.of(thread_), record.clock, site, writes, as);
  }
  return raced;
}

void Engine::synchronise(Key location, bool writes) {
  Meeting& meeting = meetings_[location];
  my_thread().clock.join(clocks_[clock_of(meeting)]);
  if (!writes) return;
  clocks_[meeting.clock].join(my_thread().clock);
  step_epoch(my_thread(), thread_);
}

// ---------------------------------------------------------------- knowledge

void Engine::new_site(SiteId site, bool counts) {
  if (hot_.size() <= site) hot_.resize(static_cast<std::size_t>(site) + 1, 0);
  if (counts_.size() <= site) counts_.resize(static_cast<std::size_t>(site) + 1, 0);
  counts_[site] = counts;
}

void Engine::make_hot(SiteId site) {
  if (hot_.size() <= site) hot_.resize(static_cast<std::size_t>(site) + 1, 0);
  if (hot_[site] != 0) return;
  hot_[site] = 1;
  heating_.push_back(site);
}

void Engine::heat(SiteId site) {
  if (hot_.size() <= site) hot_.resize(static_cast<std::size_t>(site) + 1, 0);
  hot_[site] = 2;
}

std::vector<SiteId> Engine::hot_sites() const {
  std::vector<SiteId> sites;
  for (SiteId site = 0; site < hot_.size(); ++site)
    if (hot_[site] != 0) sites.push_back(site);
  return sites;
}

void Engine::forget() {
  watches_releases_ = false;
  most_awaits_ = 0;
  hot_.assign(hot_.size(), 0);
  heating_.clear();
  knowledge_.forget();
  detector_.forget();
}

}  // namespace unblink
