# What any part of the control plane may use: it knows none of them.
add_library(sluice_base STATIC
  bounds.cc
  rfc3339.cc
)
target_link_libraries(sluice_base PUBLIC sluice_options PRIVATE fmt::fmt)
