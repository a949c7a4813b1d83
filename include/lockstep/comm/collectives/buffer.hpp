// What the collectives take: buffers and values, and how each is seen as a span of elements.
#pragma once

#include <lockstep/core/dtype.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <type_traits>
#include <utility>

namespace lockstep {

namespace detail {

template <class B>
concept HasSpan = requires(B& buffer) {
  std::span(buffer.span());
};
template <class B>
concept HasData = requires(B& buffer) {
  std::span(std::data(buffer), std::size(buffer));
};

/// The elements of a range; of anything else, the one that it is.
template <class B>
auto elements_of(B& buffer) {
  if constexpr (HasSpan<B>) {
    return std::span(buffer.span());
  } else if constexpr (HasData<B>) {
    return std::span(std::data(buffer), std::size(buffer));
  } else {
    return std::span<B>(&buffer, 1);
  }
}

template <class B>
using ElementsOf = typename decltype(elements_of(std::declval<std::remove_reference_t<B>&>()))::element_type;

/// A range that does not own its elements: its constness is not theirs. std::span, TensorView, std::string_view.
template <class B>
concept View = !std::is_const_v<ElementsOf<const std::remove_reference_t<B>>> ||
               std::is_const_v<ElementsOf<std::remove_cvref_t<B>>>;

/// What the caller keeps while a collective is pending: what has a name, and views.
template <class B>
concept Lendable = std::is_lvalue_reference_v<B> || View<B>;

/// What a message carries: elements as what they are, anything else as bytes.
template <class T>
auto wire(std::span<T> elements) {
  if constexpr (Element<T>) {
    return elements;
  } else {
    using Byte = std::conditional_t<std::is_const_v<T>, const std::uint8_t, std::uint8_t>;
    return std::span<Byte>(reinterpret_cast<Byte*>(elements.data()), elements.size_bytes());
  }
}

template <class B>
auto wire_of(B& buffer) {
  return wire(elements_of(buffer));
}

/// As `wire_of`, for what is only read.
template <class B>
auto input_of(const B& buffer) {
  return wire(std::span<const std::remove_const_t<ElementsOf<const B>>>(elements_of(buffer)));
}

}  // namespace detail

/// A contiguous range: std::vector, std::array, an array, std::span, Tensor, TensorView and their like.
template <class B>
concept Buffer = detail::HasSpan<std::remove_reference_t<B>> || detail::HasData<std::remove_reference_t<B>>;

/// The type of a buffer's elements; of a value, its own.
template <class B>
using BufferElement = std::remove_const_t<detail::ElementsOf<B>>;

/// What can be sent as the bytes that it is. That an object holds a pointer or a handle, which means nothing to another
/// process, cannot be seen from here.
template <class T>
concept Transferable = std::is_trivially_copyable_v<T> && !std::is_pointer_v<T> && !std::is_member_pointer_v<T> &&
                       !std::is_null_pointer_v<T> && !std::is_reference_v<T>;

/// A number or a trivially copyable object: a single thing, not a range.
template <class T>
concept Value = !Buffer<T> && Transferable<std::remove_cvref_t<T>>;

/// A buffer that the caller keeps and that can be written to: one that has a name, or a view.
template <class B>
concept OutputBuffer =
    Buffer<B> && !std::is_const_v<detail::ElementsOf<B>> && Transferable<BufferElement<B>> && detail::Lendable<B>;

/// A buffer that is handed over: a temporary, or one that was moved.
template <class B>
concept TemporaryBuffer = Buffer<B> && !std::is_const_v<detail::ElementsOf<B>> && Transferable<BufferElement<B>> &&
                          !detail::Lendable<B> && std::move_constructible<std::remove_cvref_t<B>>;

/// Anything that can be sent.
template <class B>
concept Input = (Buffer<B> && Transferable<BufferElement<B>>) || Value<B>;

/// What gathers return: vectors of it can be made, and are contiguous.
template <class T>
concept Gatherable = Transferable<T> && std::default_initializable<T> && !std::same_as<T, bool>;

/// An output for elements of the input's type.
template <class Out, class In>
concept OutputFor = OutputBuffer<Out> && std::same_as<BufferElement<Out>, BufferElement<In>>;

}  // namespace lockstep
