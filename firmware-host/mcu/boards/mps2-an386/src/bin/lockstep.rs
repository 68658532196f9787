//! A robot's host in lockstep with a plant that owns time; see `sinew_firmware::host`.

#![no_std]
#![no_main]

board_cortex_m::host_program!(mps2_an386::Board, Lockstep, 1024, 256, 1024);
