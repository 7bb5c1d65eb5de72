#include "detector.hpp"

namespace unblink {

void Detector::begin() {
  ++generation_;
  pool_used_ = 0;
  dropped_ = 0;
}

void Detector::forget() {
  pairs_.clear();
  known_.clear();
}

Detector::Cell& Detector::cell_of(Key location) {
  Set& set = sets_[static_cast<std::size_t>((location * 0x9E3779B97F4A7C15ULL) >> shift_)];
  Cell* oldest = nullptr;
  for (Cell& cell : set) {
    if (cell.generation != generation_) {
      oldest = &cell;
      break;
    }
    if (cell.location == location) {
      cell.used = ++uses_;
      return cell;
    }
    if (oldest == nullptr || cell.used < oldest->used) oldest = &cell;
  }
  if (oldest->generation == generation_) ++dropped_;
  *oldest = Cell{};
  oldest->location = location;
  oldest->generation = generation_;
  oldest->used = ++uses_;
  return *oldest;
}

std::vector<Detector::Entry>& Detector::list(std::uint32_t& number) {
  if (number == kNothing) {
    if (pool_.size() == pool_used_) pool_.emplace_back();
    number = static_cast<std::uint32_t>(pool_used_++);
    pool_[number].clear();
  }
  return pool_[number];
}

void Detector::found(Key location, const Entry& earlier, const Entry& now) {
  const std::uint64_t pair = (static_cast<std::uint64_t>(earlier.site) << 33) ^ (static_cast<std::uint64_t>(now.site) << 2) ^
                             (static_cast<std::uint64_t>(earlier.writes) << 1) ^ static_cast<std::uint64_t>(now.writes);
  bool& known = known_[pair * 0x9E3779B97F4A7C15ULL | 1];
  if (known || pairs_.size() >= kMostPairs) return;
  known = true;
  pairs_.push_back({earlier.site, now.site, earlier.task, now.task, earlier.writes, now.writes, location});
}

void Detector::check_list(Key location, std::uint32_t number, const Entry& now, const VectorClock& clock) {
  if (number == kNothing) return;
  for (const Entry& earlier : pool_[number])
    if (earlier.task != now.task && (earlier.writes || now.writes) && earlier.tick > clock.of(earlier.task)) found(location, earlier, now);
}

void Detector::check_whole(const Cell& cell, const Entry& now, const VectorClock& clock) {
  const auto unordered = [&](Epoch epoch) {
    const TaskId task = task_of(epoch);
    return epoch != 0 && task != now.task && static_cast<Tick>(epoch) > clock.of(task);
  };
  if (unordered(cell.write)) found(cell.location, {task_of(cell.write), static_cast<Tick>(cell.write), cell.write_site, true}, now);
  if (!now.writes) return;
  if (cell.read == kWidened)
    check_list(cell.location, cell.readers, now, clock);
  else if (unordered(cell.read))
    found(cell.location, {task_of(cell.read), static_cast<Tick>(cell.read), cell.read_site, false}, now);
}

void Detector::put(std::vector<Entry>& entries, const Entry& now) {
  for (Entry& entry : entries) {
    if (entry.task == now.task && entry.writes == now.writes) {
      entry = now;
      return;
    }
  }
  entries.push_back(now);
}

void Detector::access(Key location, TaskId task, Tick tick, const VectorClock& clock, SiteId site, bool writes, As as) {
  Cell& cell = cell_of(location);
  const Entry now{task, tick, site, writes};
  check_whole(cell, now, clock);
  if (as != As::kIndivisible) check_list(location, cell.indivisible, now, clock);
  if (as == As::kPart) {
    put(list(cell.parts), now);
    return;
  }
  check_list(location, cell.parts, now, clock);
  if (as == As::kIndivisible) {
    put(list(cell.indivisible), now);
    return;
  }
  const Epoch epoch = epoch_of(task, tick);
  if (writes) {
    cell.write = epoch;
    cell.write_site = site;
    cell.read = 0;
    if (cell.readers != kNothing) pool_[cell.readers].clear();
    return;
  }
  if (cell.read == kWidened) {
    put(pool_[cell.readers], now);
  } else if (cell.read == 0 || task_of(cell.read) == task || static_cast<Tick>(cell.read) <= clock.of(task_of(cell.read))) {
    cell.read = epoch;
    cell.read_site = site;
  } else {
    std::vector<Entry>& readers = list(cell.readers);
    readers.clear();
    readers.push_back({task_of(cell.read), static_cast<Tick>(cell.read), cell.read_site, false});
    readers.push_back(now);
    cell.read = kWidened;
  }
}

}  // namespace unblink
