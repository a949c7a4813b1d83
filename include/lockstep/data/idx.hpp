// Reads IDX files, the format of MNIST: magic 00 00 <type> <rank>, big-endian extents, big-endian elements.
// Format: "the IDX file format" at the end of http://yann.lecun.com/exdb/mnist/.
#pragma once

#include <lockstep/core/file.hpp>
#include <lockstep/tensor/tensor.hpp>

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace lockstep {

namespace detail {

/// The name of an IDX type code, or null when there is no such type.
constexpr const char* idx_type_name(unsigned char code) {
  switch (code) {
    case 0x08:
      return "uint8";
    case 0x09:
      return "int8";
    case 0x0B:
      return "int16";
    case 0x0C:
      return "int32";
    case 0x0D:
      return "float32";
    case 0x0E:
      return "float64";
    default:
      return nullptr;
  }
}

template <Element T>
constexpr unsigned char idx_type_of() {
  static_assert(!std::same_as<T, std::int64_t>, "the IDX format has no 64-bit integers");
  if constexpr (std::same_as<T, std::uint8_t>) return 0x08;
  if constexpr (std::same_as<T, std::int32_t>) return 0x0C;
  if constexpr (std::same_as<T, float>) return 0x0D;
  if constexpr (std::same_as<T, double>) return 0x0E;
}

}  // namespace detail

/// Decodes the content of an IDX file; `name` is for messages. Throws IoError when it is compressed, foreign, cut
/// short, or has another element type.
template <Element T = std::uint8_t>
Tensor<T> parse_idx(std::string_view content, std::string_view name) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(content[at]); };
  const auto fail = [&](const auto&... why) { throw IoError(concat("cannot read '", name, "' as IDX: ", why...)); };

  if (content.size() >= 2 && byte(0) == 0x1F && byte(1) == 0x8B) {
    fail("the file is compressed; unpack it first: gunzip ", name);
  }
  if (content.size() < 4) fail("it has only ", content.size(), " bytes");
  const char* type = detail::idx_type_name(byte(2));
  if (byte(0) != 0 || byte(1) != 0 || type == nullptr) fail("it does not start like an IDX file (00 00 type rank)");
  if (byte(2) != detail::idx_type_of<T>()) {
    fail("its elements are ", type, ", asked for was ", to_string(dtype_of<T>));
  }
  const std::size_t rank = byte(3);
  if (rank > Shape::max_rank) fail("it has ", rank, " dimensions, at most ", Shape::max_rank, " are supported");
  const std::size_t header = 4 + 4 * rank;
  if (content.size() < header) fail("it ends inside the header");

  Shape shape;
  std::uint64_t expected = sizeof(T);
  for (std::size_t i = 0; i < rank; ++i) {
    const std::size_t at = 4 + 4 * i;
    const std::uint32_t extent = static_cast<std::uint32_t>(byte(at)) << 24 |
                                 static_cast<std::uint32_t>(byte(at + 1)) << 16 |
                                 static_cast<std::uint32_t>(byte(at + 2)) << 8 | byte(at + 3);
    if (extent != 0 && expected > (std::uint64_t{1} << 62) / extent) fail("its extents are absurdly large");
    expected *= extent;
    shape.push_back(extent);
  }
  if (content.size() - header != expected) {
    fail("its shape ", shape, " needs ", expected, " bytes of data, there are ", content.size() - header,
         content.size() - header < expected ? "; the file is cut short" : "");
  }

  Tensor<T> tensor(shape);
  if (expected > 0) std::memcpy(tensor.data(), content.data() + header, expected);
  if constexpr (sizeof(T) > 1 && std::endian::native == std::endian::little) {
    auto* bytes = reinterpret_cast<unsigned char*>(tensor.data());
    for (std::uint64_t at = 0; at < expected; at += sizeof(T)) std::reverse(bytes + at, bytes + at + sizeof(T));
  }
  return tensor;
}

/// Reads an IDX file: images are uint8 [n, rows, columns], labels uint8 [n].
template <Element T = std::uint8_t>
Tensor<T> read_idx(const std::string& path) {
  return parse_idx<T>(read_file(path), path);
}

}  // namespace lockstep
