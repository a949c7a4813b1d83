// The four things that TCP needs of cryptography, all of them OpenSSL's: HMAC-SHA256, HKDF-SHA256, random bytes and a
// comparison whose time tells nothing.
#pragma once

#include <lockstep/core/error.hpp>
#include <lockstep/core/on_demand.hpp>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

namespace lockstep::detail {

using Digest = std::array<std::byte, 32>;

inline const unsigned char* raw(std::span<const std::byte> bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
inline unsigned char* raw_writable(std::span<std::byte> bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

LOCKSTEP_ON_DEMAND CommunicationError crypto_error(std::string_view action) {
  return CommunicationError(concat("tcp: OpenSSL cannot ", action, "; is its library complete and of version 3?"));
}

LOCKSTEP_ON_DEMAND Digest hmac_sha256(std::span<const std::byte> key, std::span<const std::byte> message) {
  Digest digest;
  unsigned int length = 0;
  if (::HMAC(::EVP_sha256(), key.data(), static_cast<int>(key.size()), raw(message), message.size(),
             raw_writable(digest), &length) == nullptr ||
      length != digest.size()) {
    throw crypto_error("compute HMAC-SHA256");
  }
  return digest;
}

/// A key made from another (RFC 5869); `purpose` keeps keys of different use apart.
LOCKSTEP_ON_DEMAND Digest derive_key(std::span<const std::byte> key, std::span<const std::byte> salt,
                                     std::string_view purpose) {
  struct Context {
    EVP_KDF* function = ::EVP_KDF_fetch(nullptr, "HKDF", nullptr);
    EVP_KDF_CTX* state = function == nullptr ? nullptr : ::EVP_KDF_CTX_new(function);
    ~Context() {
      ::EVP_KDF_CTX_free(state);
      ::EVP_KDF_free(function);
    }
  } const context;
  const auto octets = [](std::span<const std::byte> bytes) {
    return const_cast<void*>(static_cast<const void*>(bytes.data()));
  };
  char digest_name[] = "SHA256";
  const std::array<OSSL_PARAM, 5> parameters{
      ::OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest_name, 0),
      ::OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, octets(key), key.size()),
      ::OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, octets(salt), salt.size()),
      ::OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, const_cast<char*>(purpose.data()), purpose.size()),
      ::OSSL_PARAM_construct_end()};
  Digest derived;
  if (context.state == nullptr ||
      ::EVP_KDF_derive(context.state, raw_writable(derived), derived.size(), parameters.data()) != 1) {
    throw crypto_error("derive a key");
  }
  return derived;
}

LOCKSTEP_ON_DEMAND void fill_with_random(std::span<std::byte> bytes) {
  if (::RAND_bytes(raw_writable(bytes), static_cast<int>(bytes.size())) != 1) throw crypto_error("give random bytes");
}

/// Whether two byte strings are equal, in a time that does not depend on their contents.
inline bool equal_in_constant_time(std::span<const std::byte> a, std::span<const std::byte> b) {
  return a.size() == b.size() && ::CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace lockstep::detail
