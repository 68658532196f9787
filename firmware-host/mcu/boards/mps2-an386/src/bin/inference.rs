//! See `sinew_firmware::inference`.

#![no_std]
#![no_main]

board_cortex_m::inference_program!(mps2_an386::Board);
