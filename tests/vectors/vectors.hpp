// The reference vectors that generate.py wrote with PyTorch; vectors.cpp reads them, so that one file includes a JSON
// library, which takes seconds.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
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

/// A number or a switch, a word, or a list of numbers.
struct Attribute {
  double number = 0;
  std::string word;
  std::vector<double> list;

  template <class T>
  T get() const {
    if constexpr (std::is_arithmetic_v<T>) {
      return static_cast<T>(number);
    } else if constexpr (std::is_same_v<T, std::string>) {
      return word;
    } else {
      return T(list.begin(), list.end());
    }
  }
  template <class T>
  requires std::is_arithmetic_v<T>
  operator T() const { return get<T>(); }
};

/// One computation: what went in, what came out, and the gradients for `upstream`.
struct Case {
  std::string name;
  std::string op;
  std::map<std::string, Attribute> attributes;
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
    const auto found = attributes.find(key);
    return found == attributes.end() ? otherwise : found->second.get<T>();
  }

 private:
  const Array& at(const std::map<std::string, Array>& arrays, const std::string& key) const {
    const auto found = arrays.find(key);
    if (found == arrays.end()) throw std::runtime_error("vectors: case " + name + " has no array " + key);
    return found->second;
  }
};

/// All cases of a family ("elementwise", "losses", ...). Throws when the file is missing or shorter than it says.
std::vector<Case> load(const std::string& family);

/// The cases of a family whose op is `op`; never empty, so that a test over them cannot pass by finding none.
inline std::vector<Case> load(const std::string& family, std::string_view op) {
  std::vector<Case> cases = load(family);
  std::erase_if(cases, [&](const Case& entry) { return entry.op != op; });
  if (cases.empty()) throw std::runtime_error("vectors: " + family + " has no cases of " + std::string(op));
  return cases;
}

/// Whether a value is the expected one up to a relative tolerance; values far below 1, which are what rounding leaves
/// of larger ones, need only be as near as a thousandth of it. NaN matches NaN, an infinity itself.
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
