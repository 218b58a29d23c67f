#include "config/problem.h"

namespace sluice::config {

std::string to_string(const Problem& problem) {
  std::string line = problem.file;
  if (problem.line != 0) {
    line += ":" + std::to_string(problem.line) + ":" + std::to_string(problem.column);
  }
  return line + ": " + problem.key + ": found " + problem.found + "; allowed: " + problem.allowed;
}

}  // namespace sluice::config
