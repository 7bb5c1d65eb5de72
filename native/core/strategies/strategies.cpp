#include "strategies.hpp"

namespace unblink {

std::unique_ptr<Strategy> make_strategy(const std::string& name, Knowledge& knowledge) {
  if (name == "default") return make_default_order();
  if (name == "random") return make_random();
  if (name == "pct") return make_pct();
  if (name == "pos") return make_pos();
  if (name == "surw") return make_surw(knowledge);
  if (name == "reads-from") return make_reads_from(knowledge);
  if (name == "auto") return make_portfolio(knowledge);
  return nullptr;
}

}  // namespace unblink
