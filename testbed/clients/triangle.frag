// SPDX-License-Identifier: MIT
#version 450

layout(location = 0) out vec4 colour;

void main()
{
	colour = vec4(64, 192, 224, 255) / 255;
}
