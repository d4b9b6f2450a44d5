#ifndef SNAPFS_CZSTD_H
#define SNAPFS_CZSTD_H
#include <zstd.h>
#include <zstd_errors.h>
#endif
