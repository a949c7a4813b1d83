// The header of a safetensors file: names, types, shapes and places of its tensors, checked before anything is
// believed. Format: https://github.com/huggingface/safetensors (README, "Format"); every rule of its reference reader
// holds here.
#pragma once

#include <lockstep/core/dtype.hpp>
#include <lockstep/core/on_demand.hpp>
#include <lockstep/io/json_reader.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lockstep {

/// Free text that a file carries along.
using Metadata = std::vector<std::pair<std::string, std::string>>;

/// An element type of the format, in the format's order (which decides the order of tensors in a file).
struct SafetensorsType {
  std::string_view name;
  std::uint64_t bits;
  bool supported;  ///< whether there is a DType for it
  DType dtype;
};

namespace detail {

inline constexpr SafetensorsType safetensors_types[] = {
    {"BOOL", 8, true, DType::boolean},
    {"F4", 4, false, {}},
    {"F6_E2M3", 6, false, {}},
    {"F6_E3M2", 6, false, {}},
    {"U8", 8, true, DType::uint8},
    {"I8", 8, true, DType::int8},
    {"F8_E5M2", 8, false, {}},
    {"F8_E4M3", 8, false, {}},
    {"F8_E8M0", 8, false, {}},
    {"F8_E4M3FNUZ", 8, false, {}},
    {"F8_E5M2FNUZ", 8, false, {}},
    {"I16", 16, true, DType::int16},
    {"U16", 16, true, DType::uint16},
    {"F16", 16, true, DType::float16},
    {"BF16", 16, true, DType::bfloat16},
    {"I32", 32, true, DType::int32},
    {"U32", 32, true, DType::uint32},
    {"F32", 32, true, DType::float32},
    {"C64", 64, false, {}},
    {"F64", 64, true, DType::float64},
    {"I64", 64, true, DType::int64},
    {"U64", 64, true, DType::uint64},
};

constexpr const SafetensorsType* find_safetensors_type(std::string_view name) {
  for (const SafetensorsType& type : safetensors_types) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

constexpr const SafetensorsType* safetensors_type_of(DType dtype) {
  for (const SafetensorsType& type : safetensors_types) {
    if (type.supported && type.dtype == dtype) return &type;
  }
  return nullptr;
}

}  // namespace detail

/// One tensor of a file: bytes [begin, end) of the data that follow the header.
struct SafetensorsTensor {
  std::string name;
  const SafetensorsType* type = nullptr;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  std::uint64_t bytes() const { return end - begin; }
};

/// What a file says about itself; the tensors are sorted by name.
struct SafetensorsHeader {
  static constexpr std::uint64_t max_bytes = 100'000'000;

  std::vector<SafetensorsTensor> tensors;
  Metadata metadata;

  /// The tensor of that name, or null.
  LOCKSTEP_ON_DEMAND const SafetensorsTensor* find(std::string_view name) const {
    const auto found = std::lower_bound(
        tensors.begin(), tensors.end(), name,
        [](const SafetensorsTensor& tensor, std::string_view n) { return tensor.name.compare(n) < 0; });
    return found == tensors.end() || found->name != name ? nullptr : &*found;
  }
};

namespace detail {

class SafetensorsHeaderParser {
 public:
  SafetensorsHeaderParser(std::string_view text, std::string_view path) : json_(text, path), path_(path) {}

  LOCKSTEP_ON_DEMAND SafetensorsHeader parse(std::uint64_t data_bytes) {
    SafetensorsHeader header;
    std::string key;
    bool has_metadata = false;
    json_.begin_object();
    while (json_.next_member(key)) {
      if (key == "__metadata__") {
        if (std::exchange(has_metadata, true)) fail("__metadata__ stands there twice");
        header.metadata = metadata();
      } else {
        header.tensors.push_back(tensor(std::move(key)));
      }
    }
    json_.finish();
    check_places(header.tensors, data_bytes);
    std::sort(header.tensors.begin(), header.tensors.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    for (std::size_t i = 1; i < header.tensors.size(); ++i) {
      if (header.tensors[i - 1].name == header.tensors[i].name) {
        fail("the tensor '", header.tensors[i].name, "' stands there twice");
      }
    }
    return header;
  }

 private:
  template <class... Parts>
  [[noreturn]] void fail(const Parts&... why) const {
    throw CheckpointError(concat("'", path_, "' is not a valid safetensors file: ", why...));
  }

  LOCKSTEP_ON_DEMAND Metadata metadata() {
    Metadata result;
    std::string key;
    json_.begin_object();
    while (json_.next_member(key)) result.emplace_back(std::move(key), json_.string());
    Metadata sorted = result;
    std::sort(sorted.begin(), sorted.end());
    for (std::size_t i = 1; i < sorted.size(); ++i) {
      if (sorted[i - 1].first == sorted[i].first) fail("the metadata '", sorted[i].first, "' stand there twice");
    }
    return result;
  }

  LOCKSTEP_ON_DEMAND SafetensorsTensor tensor(std::string name) {
    SafetensorsTensor result;
    result.name = std::move(name);
    bool has_shape = false;
    bool has_place = false;
    std::string key;
    json_.begin_object();
    while (json_.next_member(key)) {
      if (key == "dtype") {
        if (result.type != nullptr) fail("'", result.name, "' has two dtypes");
        const std::string type = json_.string();
        result.type = find_safetensors_type(type);
        if (result.type == nullptr) fail("'", result.name, "' has the unknown dtype '", type, "'");
      } else if (key == "shape") {
        if (std::exchange(has_shape, true)) fail("'", result.name, "' has two shapes");
        json_.begin_array();
        while (json_.next_element()) result.shape.push_back(size(result.name));
      } else if (key == "data_offsets") {
        if (std::exchange(has_place, true)) fail("'", result.name, "' has two data_offsets");
        std::vector<std::int64_t> offsets;
        json_.begin_array();
        while (json_.next_element()) offsets.push_back(size(result.name));
        if (offsets.size() != 2) fail("'", result.name, "' has ", offsets.size(), " data_offsets, not begin and end");
        result.begin = static_cast<std::uint64_t>(offsets[0]);
        result.end = static_cast<std::uint64_t>(offsets[1]);
      } else {
        json_.skip();
      }
    }
    if (result.type == nullptr || !has_shape || !has_place) {
      fail("'", result.name, "' lacks a dtype, a shape or data_offsets");
    }
    return result;
  }

  LOCKSTEP_ON_DEMAND std::int64_t size(const std::string& name) {
    const std::int64_t value = json_.integer();
    if (value < 0) fail("'", name, "' has the negative extent or offset ", value);
    return value;
  }

  /// The tensors must cover the data exactly: no hole, no overlap, nothing beyond either end, each as large as its
  /// shape.
  LOCKSTEP_ON_DEMAND void check_places(std::vector<SafetensorsTensor>& tensors, std::uint64_t data_bytes) const {
    std::sort(tensors.begin(), tensors.end(),
              [](const auto& a, const auto& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
    std::uint64_t covered = 0;
    for (const SafetensorsTensor& tensor : tensors) {
      if (tensor.begin != covered || tensor.end < tensor.begin) {
        fail("'", tensor.name, "' lies at [", tensor.begin, ", ", tensor.end, "), it should begin at ", covered);
      }
      std::uint64_t bits = tensor.type->bits;
      for (const std::int64_t extent : tensor.shape) {
        if (__builtin_mul_overflow(bits, static_cast<std::uint64_t>(extent), &bits)) {
          fail("the size of '", tensor.name, "' overflows");
        }
      }
      if (bits % 8 != 0 || bits / 8 != tensor.bytes()) {
        fail("'", tensor.name, "' has ", tensor.bytes(), " bytes, its shape and dtype need ", bits, " bits");
      }
      covered = tensor.end;
    }
    if (covered != data_bytes) {
      fail("its tensors have ", covered, " bytes, the file has ", data_bytes, " bytes of data",
           data_bytes < covered ? "; it is cut short" : "");
    }
  }

  JsonReader json_;
  std::string_view path_;
};

}  // namespace detail

/// Checks and decodes the header's text of a file with `data_bytes` bytes behind the header; `path` is for messages.
/// Throws CheckpointError.
LOCKSTEP_ON_DEMAND SafetensorsHeader parse_safetensors_header(std::string_view text, std::uint64_t data_bytes,
                                                              std::string_view path) {
  if (text.empty() || text.front() != '{') {
    throw CheckpointError(concat("'", path, "' is not a valid safetensors file: its header does not start with {"));
  }
  return detail::SafetensorsHeaderParser(text, path).parse(data_bytes);
}

}  // namespace lockstep
