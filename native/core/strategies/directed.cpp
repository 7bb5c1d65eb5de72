#include "directed.hpp"

#include <algorithm>

namespace unblink {

void Directed::direct(std::vector<Directive> directives) { directives_ = std::move(directives); }

void Directed::bind(std::size_t directive, SiteId site) { directives_[directive].site = site; }

void Directed::begin(const StrategyOptions&) {
  taken_.assign(directives_.size(), false);
  taken_count_ = 0;
  ancestry_.clear();
  stall_places_.clear();
}

void Directed::spawned(TaskId task, TaskId parent, std::int32_t child_index) {
  if (ancestry_.size() <= static_cast<std::size_t>(task)) ancestry_.resize(static_cast<std::size_t>(task) + 1);
  ancestry_[static_cast<std::size_t>(task)] = {parent, child_index};
}

bool Directed::is_at(TaskId task, const std::vector<std::int32_t>& path) const {
  for (std::size_t i = path.size(); i-- > 0;) {
    if (task == kNone) return false;
    const Ancestry& a = ancestry_[static_cast<std::size_t>(task)];
    if (a.parent == kNone || a.child_index != path[i]) return false;
    task = a.parent;
  }
  return task != kNone && ancestry_[static_cast<std::size_t>(task)].parent == kNone;
}

TaskId Directed::task_at(const std::vector<std::int32_t>& path) const {
  for (std::size_t t = 0; t < ancestry_.size(); ++t)
    if (is_at(static_cast<TaskId>(t), path)) return static_cast<TaskId>(t);
  return kNone;
}

TaskId Directed::choose(const Situation& s) {
  const Pending& pending = s.tasks.pending(s.current);
  if (s.clock_allowed) stall_places_.push_back({s.current, pending.site, pending.occurrence});
  for (std::size_t i = 0; i < directives_.size(); ++i) {
    const Directive& d = directives_[i];
    if (taken_[i] || d.cancels() || d.site != pending.site || d.occurrence != pending.occurrence) continue;
    if (!is_at(s.current, d.task)) continue;
    const TaskId to = d.to_clock ? kClock : task_at(d.to);
    if (to == kClock ? !s.clock_allowed : !s.ready.has(to)) continue;
    taken_[i] = true;
    ++taken_count_;
    return to;
  }
  return s.by_default;
}

bool Directed::cancels(TaskId task, SiteId site, std::uint32_t occurrence) {
  for (std::size_t i = 0; i < directives_.size(); ++i) {
    const Directive& d = directives_[i];
    if (taken_[i] || !d.cancels() || d.site != site || d.occurrence != occurrence || !is_at(task, d.task)) continue;
    taken_[i] = true;
    ++taken_count_;
    return true;
  }
  return false;
}

bool Directed::cancels_anything() const {
  return std::any_of(directives_.begin(), directives_.end(), [](const Directive& d) { return d.cancels(); });
}

long Directed::first_missed() const {
  for (std::size_t i = 0; i < taken_.size(); ++i)
    if (!taken_[i]) return static_cast<long>(i);
  return -1;
}

}  // namespace unblink
