// Reads the reference vectors that generate.py wrote with PyTorch.
#pragma once

#include <nlohmann/json.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace vectors {

/// A row-major array; integer inputs (targets, ids) are whole numbers.
struct Array {
  std::vector<std::int64_t> shape;
  std::vector<double> values;

  template <class T>
  std::vector<T> as() const {
    return std::vector<T>(values.begin(), values.end());
  }
};

/// One computation: what went in, what came out, and the gradients for `upstream`.
struct Case {
  std::string name;
  std::string op;
  nlohmann::json attributes;
  std::map<std::string, Array> inputs;
  std::map<std::string, Array> outputs;
  Array upstream;
  std::map<std::string, Array> gradients;

  bool has_input(const std::string& key) const { return inputs.count(key) > 0; }
  const Array& input(const std::string& key) const { return at(inputs, key); }
  const Array& output(const std::string& key = "y") const { return at(outputs, key); }

  /// An attribute, or `otherwise` where the definition's default holds.
  template <class T>
  T attribute(const char* key, T otherwise) const {
    return attributes.value(key, otherwise);
  }

 private:
  const Array& at(const std::map<std::string, Array>& arrays, const std::string& key) const {
    const auto found = arrays.find(key);
    if (found == arrays.end()) throw std::runtime_error("vectors: case " + name + " has no array " + key);
    return found->second;
  }
};

namespace detail {

inline Array array(const nlohmann::json& json) {
  Array result;
  result.shape = json.at("shape").get<std::vector<std::int64_t>>();
  std::int64_t numel = 1;
  for (std::int64_t extent : result.shape) numel *= extent;
  for (const nlohmann::json& value : json.at("values")) {
    if (!value.is_string()) {
      result.values.push_back(value.get<double>());
    } else if (value == "nan") {
      result.values.push_back(std::numeric_limits<double>::quiet_NaN());
    } else {
      const double infinity = std::numeric_limits<double>::infinity();
      result.values.push_back(value == "-inf" ? -infinity : infinity);
    }
  }
  if (static_cast<std::int64_t>(result.values.size()) != numel) throw std::runtime_error("vectors: wrong value count");
  return result;
}

inline std::map<std::string, Array> arrays(const nlohmann::json& json, const char* key) {
  std::map<std::string, Array> result;
  if (!json.contains(key)) return result;
  for (const auto& [name, value] : json.at(key).items()) result.emplace(name, array(value));
  return result;
}

/// Beside this header, unless LOCKSTEP_TEST_VECTORS names another directory; test programs run in the project's root.
inline std::string path(const std::string& family) {
  const char* directory = std::getenv("LOCKSTEP_TEST_VECTORS");
  return (directory != nullptr ? std::string(directory) : std::string("tests/vectors")) + "/" + family + ".jsonl";
}

}  // namespace detail

/// All cases of a family ("elementwise", "losses", ...). Throws when the file is missing or shorter than it says.
inline std::vector<Case> load(const std::string& family) {
  const std::string path = detail::path(family);
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) {
    throw std::runtime_error("vectors: cannot read " + path + "; run the tests from the project's root");
  }
  const std::size_t count = nlohmann::json::parse(line).at("cases").get<std::size_t>();
  std::vector<Case> cases;
  while (std::getline(file, line)) {
    const nlohmann::json json = nlohmann::json::parse(line);
    Case entry;
    entry.name = json.at("name").get<std::string>();
    entry.op = json.at("op").get<std::string>();
    entry.attributes = json.at("attributes");
    entry.inputs = detail::arrays(json, "inputs");
    entry.outputs = detail::arrays(json, "outputs");
    entry.gradients = detail::arrays(json, "gradients");
    if (json.contains("upstream")) entry.upstream = detail::array(json.at("upstream"));
    cases.push_back(std::move(entry));
  }
  if (cases.size() != count) throw std::runtime_error("vectors: " + path + " is truncated");
  return cases;
}

/// The cases of a family whose op is `op`; never empty, so that a test over them cannot pass by finding none.
inline std::vector<Case> load(const std::string& family, std::string_view op) {
  std::vector<Case> cases = load(family);
  std::erase_if(cases, [&](const Case& entry) { return entry.op != op; });
  if (cases.empty()) throw std::runtime_error("vectors: " + family + " has no cases of " + std::string(op));
  return cases;
}

/// Whether a value is the expected one up to a relative tolerance; values far below 1, which are what rounding leaves of
/// larger ones, need only be as near as a thousandth of it. NaN matches NaN, an infinity itself.
inline bool close(double got, double expected, double tolerance) {
  if (std::isnan(expected)) return std::isnan(got);
  if (std::isinf(expected) || std::isinf(got)) return got == expected;
  return std::abs(got - expected) <= tolerance * (std::abs(expected) + 1e-3);
}

/// Describes the first difference between an array and what was computed; empty when there is none.
template <class Values>
std::string difference(const Values& got, const Array& expected, double tolerance) {
  if (static_cast<std::size_t>(got.size()) != expected.values.size()) {
    return "expected " + std::to_string(expected.values.size()) + " values, got " + std::to_string(got.size());
  }
  for (std::size_t i = 0; i < expected.values.size(); ++i) {
    const double value = static_cast<double>(got[i]);
    if (!close(value, expected.values[i], tolerance)) {
      char text[128];
      std::snprintf(text, sizeof text, "element %zu: expected %.17g, got %.17g", i, expected.values[i], value);
      return text;
    }
  }
  return {};
}

}  // namespace vectors
