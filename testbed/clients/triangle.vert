// SPDX-License-Identifier: MIT
#version 450

const vec2 corners[] = { vec2(-1, 1), vec2(1, 1), vec2(-1, -1) };

void main()
{
	gl_Position = vec4(corners[gl_VertexIndex], 0, 1);
}
