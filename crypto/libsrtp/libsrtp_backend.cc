#include "crypto/libsrtp/libsrtp_backend.h"

#include <elf.h>
#include <link.h>

#include <cstddef>
#include <string_view>

namespace sluice::crypto {
namespace {

/// The names of the libraries that a loaded object needs (DT_NEEDED), one a line.
std::string needed_libraries(const dl_phdr_info& object) {
  const ElfW(Dyn)* dynamic = nullptr;
  for (int i = 0; i < object.dlpi_phnum; ++i)
    if (object.dlpi_phdr[i].p_type == PT_DYNAMIC)
      // The loader gives addresses as numbers. NOLINTNEXTLINE(performance-no-int-to-ptr)
      dynamic = reinterpret_cast<const ElfW(Dyn)*>(object.dlpi_addr + object.dlpi_phdr[i].p_vaddr);
  if (dynamic == nullptr) return {};
  const char* strings = nullptr;
  for (const ElfW(Dyn)* entry = dynamic; entry->d_tag != DT_NULL; ++entry)
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    if (entry->d_tag == DT_STRTAB) strings = reinterpret_cast<const char*>(entry->d_un.d_ptr);
  if (strings == nullptr) return {};
  std::string names;
  for (const ElfW(Dyn)* entry = dynamic; entry->d_tag != DT_NULL; ++entry)
    if (entry->d_tag == DT_NEEDED) names.append(strings + entry->d_un.d_val).append("\n");
  return names;
}

struct Finding {
  bool loaded = false;
  std::string needed;
};

int visit_object(dl_phdr_info* object, std::size_t, void* out) {
  if (std::string_view(object->dlpi_name).find("libsrtp2.so") == std::string_view::npos) return 0;
  auto& finding = *static_cast<Finding*>(out);
  finding.loaded = true;
  finding.needed = needed_libraries(*object);
  return 1;
}

}  // namespace

std::string libsrtp_crypto_library() {
  Finding finding;
  dl_iterate_phdr(visit_object, &finding);
  if (!finding.loaded) return "unknown (libsrtp2 is linked statically)";
  const auto needs = [&](std::string_view name) { return finding.needed.find(name) != std::string::npos; };
  if (needs("libnss3")) return "NSS";
  if (needs("libcrypto")) return "OpenSSL";
  if (needs("libmbedcrypto")) return "mbedtls";
  if (needs("libwolfssl")) return "wolfSSL";
  return "built-in";
}

}  // namespace sluice::crypto
