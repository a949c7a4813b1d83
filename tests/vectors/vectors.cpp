// Reads the reference vectors: one JSON object per line, after a line that says how many there are.
#include "vectors.hpp"

#include <nlohmann/json.hpp>

#include <cstdlib>
#include <fstream>
#include <limits>
#include <utility>

namespace vectors {

namespace {

using nlohmann::json;

double number(const json& value) {
  if (!value.is_string()) return value.get<double>();
  if (value == "nan") return std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  return value == "-inf" ? -infinity : infinity;
}

Array array(const json& value) {
  Array result;
  result.shape = value.at("shape").get<std::vector<std::int64_t>>();
  std::int64_t numel = 1;
  for (std::int64_t extent : result.shape) numel *= extent;
  for (const json& element : value.at("values")) result.values.push_back(number(element));
  if (static_cast<std::int64_t>(result.values.size()) != numel) throw std::runtime_error("vectors: wrong value count");
  return result;
}

std::map<std::string, Array> arrays(const json& value, const char* key) {
  std::map<std::string, Array> result;
  if (!value.contains(key)) return result;
  for (const auto& [name, element] : value.at(key).items()) result.emplace(name, array(element));
  return result;
}

Attribute attribute(const json& value) {
  Attribute result;
  if (value.is_string()) {
    result.word = value.get<std::string>();
  } else if (value.is_array()) {
    result.list = value.get<std::vector<double>>();
  } else if (value.is_boolean()) {
    result.number = value.get<bool>() ? 1 : 0;
  } else {
    result.number = value.get<double>();
  }
  return result;
}

/// Beside this file, unless LOCKSTEP_TEST_VECTORS names another directory; test programs run in the project's root.
std::string path_of(const std::string& family) {
  const char* directory = std::getenv("LOCKSTEP_TEST_VECTORS");
  return (directory != nullptr ? std::string(directory) : std::string("tests/vectors")) + "/" + family + ".jsonl";
}

}  // namespace

std::vector<Case> load(const std::string& family) {
  const std::string path = path_of(family);
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) {
    throw std::runtime_error("vectors: cannot read " + path + "; run the tests from the project's root");
  }
  const std::size_t count = json::parse(line).at("cases").get<std::size_t>();
  std::vector<Case> cases;
  while (std::getline(file, line)) {
    const json value = json::parse(line);
    Case entry;
    entry.name = value.at("name").get<std::string>();
    entry.op = value.at("op").get<std::string>();
    for (const auto& [key, element] : value.at("attributes").items()) {
      entry.attributes.emplace(key, attribute(element));
    }
    entry.inputs = arrays(value, "inputs");
    entry.outputs = arrays(value, "outputs");
    entry.gradients = arrays(value, "gradients");
    if (value.contains("upstream")) entry.upstream = array(value.at("upstream"));
    cases.push_back(std::move(entry));
  }
  if (cases.size() != count) throw std::runtime_error("vectors: " + path + " is truncated");
  return cases;
}

}  // namespace vectors
