"""Networks to start from, by the names that links carry."""

PRESETS = {
    "PGGAN generator, 128x128": """\
# Karras et al. 2018, table 2, at 128x128
input 512
conv 512 4x4 pad 3 equalized lrelu pixelnorm
conv 512 3x3 equalized lrelu pixelnorm
up 2x
conv 512 3x3 equalized lrelu pixelnorm
conv 512 3x3 equalized lrelu pixelnorm
up 2x
conv 512 3x3 equalized lrelu pixelnorm
conv 512 3x3 equalized lrelu pixelnorm
up 2x
conv 512 3x3 equalized lrelu pixelnorm
conv 512 3x3 equalized lrelu pixelnorm
up 2x
conv 256 3x3 equalized lrelu pixelnorm
conv 256 3x3 equalized lrelu pixelnorm
up 2x
conv 128 3x3 equalized lrelu pixelnorm
conv 128 3x3 equalized lrelu pixelnorm
conv 3 1x1 equalized""",
    "PGGAN discriminator, 128x128": """\
# Karras et al. 2018, table 2, at 128x128
input 128x128x3
conv 128 1x1 equalized lrelu
conv 128 3x3 equalized lrelu
conv 256 3x3 equalized lrelu
pool 2x
conv 256 3x3 equalized lrelu
conv 512 3x3 equalized lrelu
pool 2x
conv 512 3x3 equalized lrelu
conv 512 3x3 equalized lrelu
pool 2x
conv 512 3x3 equalized lrelu
conv 512 3x3 equalized lrelu
pool 2x
conv 512 3x3 equalized lrelu
conv 512 3x3 equalized lrelu
pool 2x
stddev
conv 512 3x3 equalized lrelu
conv 512 4x4 pad 0 equalized lrelu
dense 1 equalized""",
    "Gated inpainting generator": """\
# Yu et al. 2019, free-form inpainting, coarse stage
# picture with a hole, ones, mask
input 256x256x5
conv 24 5x5 gated elu
conv 48 3x3 stride 2 gated elu
conv 48 3x3 gated elu
conv 96 3x3 stride 2 gated elu
conv 96 3x3 gated elu
conv 96 3x3 gated elu
conv 96 3x3 dilated 2 gated elu
conv 96 3x3 dilated 4 gated elu
conv 96 3x3 dilated 8 gated elu
conv 96 3x3 dilated 16 gated elu
conv 96 3x3 gated elu
conv 96 3x3 gated elu
up 2x
conv 48 3x3 gated elu
conv 48 3x3 gated elu
up 2x
conv 24 3x3 gated elu
conv 12 3x3 gated elu
conv 3 3x3 tanh""",
    "SN-PatchGAN discriminator": """\
# Yu et al. 2019, SN-PatchGAN
# picture and mask
input 256x256x4
conv 64 5x5 stride 2 sn lrelu
conv 128 5x5 stride 2 sn lrelu
conv 256 5x5 stride 2 sn lrelu
conv 256 5x5 stride 2 sn lrelu
conv 256 5x5 stride 2 sn lrelu
conv 256 5x5 stride 2 sn lrelu""",
}
