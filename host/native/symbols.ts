import type { FFIFunction } from "bun:ffi";

/**
 * The functions of qemu-patch/overlay/include/script/api.h, each under its C prototype. The only place where
 * symbols are bound; test/host/native/abi.test.ts compares it with the header.
 */
export const SYMBOLS = {
  /** uint32_t script_abi(void) */
  script_abi: { args: [], returns: "u32" },
  /** ScriptShared *script_shared(void) */
  script_shared: { args: [], returns: "ptr" },
  /** void script_start(void *doorbell, void *dispatch) */
  script_start: { args: ["ptr", "ptr"], returns: "void" },
  /** int32_t script_run(void) */
  script_run: { args: [], returns: "i32" },
  /** int32_t script_answer(int32_t answer) */
  script_answer: { args: ["i32"], returns: "i32" },
  /** int32_t script_arm(void) */
  script_arm: { args: [], returns: "i32" },
  /** int32_t script_next(void) */
  script_next: { args: [], returns: "i32" },
  /** void script_done(uint32_t frame) */
  script_done: { args: ["u32"], returns: "void" },
  /** void script_set_text(uint32_t frame, const char *text) */
  script_set_text: { args: ["u32", "cstring"], returns: "void" },
  /** void script_set_error(uint32_t frame, const char *message) */
  script_set_error: { args: ["u32", "cstring"], returns: "void" },
  /** void script_set_hint(uint32_t frame, const char *hint) */
  script_set_hint: { args: ["u32", "cstring"], returns: "void" },
  /** void script_free(void *memory) */
  script_free: { args: ["ptr"], returns: "void" },
  /** uint32_t script_text_length(const void *text) */
  script_text_length: { args: ["ptr"], returns: "u32" },
  /** const char *script_error_message(void) */
  script_error_message: { args: [], returns: "ptr" },
  /** const char *script_error_hint(void) */
  script_error_hint: { args: [], returns: "ptr" },
  /** void script_error_clear(void) */
  script_error_clear: { args: [], returns: "void" },
  /** int32_t script_type_exists(const char *name) */
  script_type_exists: { args: ["cstring"], returns: "i32" },
  /** const char *script_register_type(const char *json, const void *initial_state) */
  script_register_type: { args: ["cstring", "ptr"], returns: "ptr" },
  /** const char *script_shape_stage(const char *json, const void *initial_state) */
  script_shape_stage: { args: ["cstring", "ptr"], returns: "ptr" },
  /** void script_shape_commit(const char *type) */
  script_shape_commit: { args: ["cstring"], returns: "void" },
  /** void script_shape_drop(const char *type) */
  script_shape_drop: { args: ["cstring"], returns: "void" },
  /** int32_t script_replay_active(void) */
  script_replay_active: { args: [], returns: "i32" },
  /** const char *script_reload_obstacle(void) */
  script_reload_obstacle: { args: [], returns: "ptr" },
  /** void script_reload_later(const char *path) */
  script_reload_later: { args: ["cstring"], returns: "void" },
  /** int32_t script_bql_hold(void) */
  script_bql_hold: { args: [], returns: "i32" },
  /** void script_bql_release(void) */
  script_bql_release: { args: [], returns: "void" },
  /** void *script_instance_stage(void *instance, uint32_t anew) */
  script_instance_stage: { args: ["ptr", "u32"], returns: "ptr" },
  /** void script_instance_drop(void *instance) */
  script_instance_drop: { args: ["ptr"], returns: "void" },
  /** void script_instance_commit(void *instance, uint32_t anew) */
  script_instance_commit: { args: ["ptr", "u32"], returns: "void" },
  /** void script_instance_receives(void *instance, uint32_t index, uint32_t receives) */
  script_instance_receives: { args: ["ptr", "u32", "u32"], returns: "void" },
  /** void script_instance_drop_accessors(void *instance) */
  script_instance_drop_accessors: { args: ["ptr"], returns: "void" },
  /** void script_event_reloaded(const char *path, uint32_t generation, uint32_t instances) */
  script_event_reloaded: { args: ["cstring", "u32", "u32"], returns: "void" },
  /** void script_event_error(const char *path, const char *message) */
  script_event_error: { args: ["cstring", "cstring"], returns: "void" },
  /** void *script_instance_state(void *instance) */
  script_instance_state: { args: ["ptr"], returns: "ptr" },
  /** int32_t script_instance_current(void *instance) */
  script_instance_current: { args: ["ptr"], returns: "i32" },
  /** void script_instance_snapshot(void *instance, uint32_t needed) */
  script_instance_snapshot: { args: ["ptr", "u32"], returns: "void" },
  /** void script_instance_restore(void *instance) */
  script_instance_restore: { args: ["ptr"], returns: "void" },
  /** void script_instance_set_blob(void *instance, const void *bytes, uint64_t length) */
  script_instance_set_blob: { args: ["ptr", "buffer", "buffer_length"], returns: "void" },
  /** int32_t script_instance_blob_length(void *instance) */
  script_instance_blob_length: { args: ["ptr"], returns: "i32" },
  /** void *script_instance_blob(void *instance) */
  script_instance_blob: { args: ["ptr"], returns: "ptr" },
  /** uint32_t script_instance_region(void *instance, uint32_t index) */
  script_instance_region: { args: ["ptr", "u32"], returns: "u32" },
  /**
   * void script_instance_words(void *instance, uint32_t index, const void *table, uint64_t length, uint32_t reader,
   * uint32_t writer)
   */
  script_instance_words: {
    args: ["ptr", "u32", "buffer", "buffer_length", "u32", "u32"],
    returns: "void",
  },
  /** void script_instance_hold(void *instance, uint32_t on) */
  script_instance_hold: { args: ["ptr", "u32"], returns: "void" },
  /** void *script_instance_chardev(void *instance, uint32_t index) */
  script_instance_chardev: { args: ["ptr", "u32"], returns: "ptr" },
  /** int32_t script_chardev_room(void *chardev) */
  script_chardev_room: { args: ["ptr"], returns: "i32" },
  /** const char *script_instance_type(void *instance) */
  script_instance_type: { args: ["ptr"], returns: "ptr" },
  /** const char *script_instance_path(void *instance) */
  script_instance_path: { args: ["ptr"], returns: "ptr" },
  /** int32_t script_instance_super(void *instance, uint32_t kind) */
  script_instance_super: { args: ["ptr", "u32"], returns: "i32" },
  /** void script_instance_free(uint32_t id) */
  script_instance_free: { args: ["u32"], returns: "void" },
  /** void *script_instance_object(void *instance) */
  script_instance_object: { args: ["ptr"], returns: "ptr" },
  /** void *script_object_new(const char *type, const char *props) */
  script_object_new: { args: ["cstring", "cstring"], returns: "ptr" },
  /** void script_object_ref(void *object) */
  script_object_ref: { args: ["ptr"], returns: "void" },
  /** void script_object_unref(void *object) */
  script_object_unref: { args: ["ptr"], returns: "void" },
  /** const char *script_object_type(void *object) */
  script_object_type: { args: ["ptr"], returns: "ptr" },
  /** char *script_object_class(void *object) */
  script_object_class: { args: ["ptr"], returns: "ptr" },
  /** int32_t script_object_is_a(void *object, const char *type) */
  script_object_is_a: { args: ["ptr", "cstring"], returns: "i32" },
  /** int32_t script_object_instance(void *object) */
  script_object_instance: { args: ["ptr"], returns: "i32" },
  /** char *script_object_path(void *object) */
  script_object_path: { args: ["ptr"], returns: "ptr" },
  /** void *script_object_root(void) */
  script_object_root: { args: [], returns: "ptr" },
  /** void *script_object_parent(void *object) */
  script_object_parent: { args: ["ptr"], returns: "ptr" },
  /** void *script_object_resolve(const char *path, const char *type) */
  script_object_resolve: { args: ["cstring", "cstring"], returns: "ptr" },
  /** void *script_object_child(void *object, const char *name) */
  script_object_child: { args: ["ptr", "cstring"], returns: "ptr" },
  /** char *script_object_children(void *object) */
  script_object_children: { args: ["ptr"], returns: "ptr" },
  /** int32_t script_object_add_child(void *object, const char *name, void *child) */
  script_object_add_child: { args: ["ptr", "cstring", "ptr"], returns: "i32" },
  /** int32_t script_object_unparent(void *object) */
  script_object_unparent: { args: ["ptr"], returns: "i32" },
  /** int32_t script_device_realize_on(void *device, void *bus) */
  script_device_realize_on: { args: ["ptr", "ptr"], returns: "i32" },
  /** char *script_object_get(void *object, const char *name) */
  script_object_get: { args: ["ptr", "cstring"], returns: "ptr" },
  /** int32_t script_object_set(void *object, const char *name, const char *json) */
  script_object_set: { args: ["ptr", "cstring", "cstring"], returns: "i32" },
  /** char *script_object_properties(void *object) */
  script_object_properties: { args: ["ptr"], returns: "ptr" },
  /** int32_t script_object_add_link(void *object, const char *name, const char *type) */
  script_object_add_link: { args: ["ptr", "cstring", "cstring"], returns: "i32" },
  /** void *script_object_get_link(void *object, const char *name) */
  script_object_get_link: { args: ["ptr", "cstring"], returns: "ptr" },
  /**
   * int32_t script_property_add(void *instance, const char *name, const char *type, const char
   * *description, uint32_t kind, uint32_t access, uint32_t id)
   */
  script_property_add: {
    args: ["ptr", "cstring", "cstring", "cstring", "u32", "u32", "u32"],
    returns: "i32",
  },
  /** int32_t script_property_remove(void *instance, const char *name) */
  script_property_remove: { args: ["ptr", "cstring"], returns: "i32" },
  /** void *script_weak_new(void *object) */
  script_weak_new: { args: ["ptr"], returns: "ptr" },
  /** void *script_weak_get(void *weak) */
  script_weak_get: { args: ["ptr"], returns: "ptr" },
  /** void script_weak_free(void *weak) */
  script_weak_free: { args: ["ptr"], returns: "void" },
  /** void *script_region_ram(void *instance, uint32_t index) */
  script_region_ram: { args: ["ptr", "u32"], returns: "ptr" },
  /** void script_region_wrote(void *instance, uint32_t index, double offset, double length) */
  script_region_wrote: { args: ["ptr", "u32", "f64", "f64"], returns: "void" },
  /** int32_t script_region_enable(void *instance, uint32_t index, uint32_t on) */
  script_region_enable: { args: ["ptr", "u32", "u32"], returns: "i32" },
  /** uint32_t script_region_enabled(void *instance, uint32_t index) */
  script_region_enabled: { args: ["ptr", "u32"], returns: "u32" },
  /** int32_t script_region_move(void *instance, uint32_t index, double at) */
  script_region_move: { args: ["ptr", "u32", "f64"], returns: "i32" },
  /** double script_region_at(void *instance, uint32_t index) */
  script_region_at: { args: ["ptr", "u32"], returns: "f64" },
  /** void script_irq_set(void *instance, uint32_t line, uint32_t level) */
  script_irq_set: { args: ["ptr", "u32", "u32"], returns: "void" },
  /** void script_irq_drive(void *instance, uint32_t levels, uint32_t mask) */
  script_irq_drive: { args: ["ptr", "u32", "u32"], returns: "void" },
  /** void script_gpio_set(void *instance, uint32_t line, uint32_t level) */
  script_gpio_set: { args: ["ptr", "u32", "u32"], returns: "void" },
  /** void script_gpio_drive(void *instance, uint32_t first, uint32_t count, uint32_t levels) */
  script_gpio_drive: { args: ["ptr", "u32", "u32", "u32"], returns: "void" },
  /** uint32_t script_gpio_level(void *instance, uint32_t input, uint32_t line) */
  script_gpio_level: { args: ["ptr", "u32", "u32"], returns: "u32" },
  /** uint32_t script_gpio_first(void *instance, uint32_t input) */
  script_gpio_first: { args: ["ptr", "u32"], returns: "u32" },
  /**
   * const char *script_gpio_connect(void *instance, uint32_t line, void *object, const char *input,
   * uint32_t input_line)
   */
  script_gpio_connect: { args: ["ptr", "u32", "ptr", "cstring", "u32"], returns: "ptr" },
  /**
   * const char *script_irq_connect(void *instance, uint32_t line, void *object, const char *input,
   * uint32_t input_line)
   */
  script_irq_connect: { args: ["ptr", "u32", "ptr", "cstring", "u32"], returns: "ptr" },
  /** double script_clock_hz(void *instance, uint32_t index) */
  script_clock_hz: { args: ["ptr", "u32"], returns: "f64" },
  /** double script_clock_period_ns(void *instance, uint32_t index) */
  script_clock_period_ns: { args: ["ptr", "u32"], returns: "f64" },
  /** uint64_t script_clock_period(void *instance, uint32_t index) */
  script_clock_period: { args: ["ptr", "u32"], returns: "u64" },
  /** void script_clock_set_hz(void *instance, uint32_t index, double hz) */
  script_clock_set_hz: { args: ["ptr", "u32", "f64"], returns: "void" },
  /** void script_clock_set_ns(void *instance, uint32_t index, double ns) */
  script_clock_set_ns: { args: ["ptr", "u32", "f64"], returns: "void" },
  /** void script_clock_set_period(void *instance, uint32_t index, uint32_t low, uint32_t high) */
  script_clock_set_period: { args: ["ptr", "u32", "u32", "u32"], returns: "void" },
  /** void script_clock_scale(void *instance, uint32_t index, uint32_t multiplier, uint32_t divider) */
  script_clock_scale: { args: ["ptr", "u32", "u32", "u32"], returns: "void" },
  /** const char *script_clock_path(void *instance, uint32_t index) */
  script_clock_path: { args: ["ptr", "u32"], returns: "ptr" },
  /** const char *script_clock_connect(void *instance, uint32_t index, const char *path) */
  script_clock_connect: { args: ["ptr", "u32", "cstring"], returns: "ptr" },
  /** int32_t script_timer_at(void *instance, uint32_t index, double ns) */
  script_timer_at: { args: ["ptr", "u32", "f64"], returns: "i32" },
  /** int32_t script_timer_at_exact(void *instance, uint32_t index, uint32_t low, uint32_t high) */
  script_timer_at_exact: { args: ["ptr", "u32", "u32", "u32"], returns: "i32" },
  /** int32_t script_timer_after(void *instance, uint32_t index, double ns) */
  script_timer_after: { args: ["ptr", "u32", "f64"], returns: "i32" },
  /** int32_t script_timer_every(void *instance, uint32_t index, double ns) */
  script_timer_every: { args: ["ptr", "u32", "f64"], returns: "i32" },
  /** void script_timer_stop(void *instance, uint32_t index) */
  script_timer_stop: { args: ["ptr", "u32"], returns: "void" },
  /** uint32_t script_timer_take(void *instance, uint32_t index) */
  script_timer_take: { args: ["ptr", "u32"], returns: "u32" },
  /** double script_timer_expires(void *instance, uint32_t index) */
  script_timer_expires: { args: ["ptr", "u32"], returns: "f64" },
  /** int64_t script_timer_expires_exact(void *instance, uint32_t index) */
  script_timer_expires_exact: { args: ["ptr", "u32"], returns: "i64" },
  /** double script_clock_ns(uint32_t clock) */
  script_clock_ns: { args: ["u32"], returns: "f64" },
  /** int64_t script_clock_ns_exact(uint32_t clock) */
  script_clock_ns_exact: { args: ["u32"], returns: "i64" },
  /** void script_chardev_put(void *chardev, uint32_t byte) */
  script_chardev_put: { args: ["ptr", "u32"], returns: "void" },
  /** void script_chardev_write_all(void *chardev, const void *bytes, uint64_t length) */
  script_chardev_write_all: { args: ["ptr", "buffer", "buffer_length"], returns: "void" },
  /** int32_t script_chardev_write(void *chardev, const void *bytes, uint64_t length) */
  script_chardev_write: { args: ["ptr", "buffer", "buffer_length"], returns: "i32" },
  /** void script_chardev_accept(void *chardev) */
  script_chardev_accept: { args: ["ptr"], returns: "void" },
  /** const char *script_chardev_open_id(void *chardev, const char *id) */
  script_chardev_open_id: { args: ["ptr", "cstring"], returns: "ptr" },
  /** void script_chardev_close(void *chardev) */
  script_chardev_close: { args: ["ptr"], returns: "void" },
  /** int32_t script_chardev_connected(void *chardev) */
  script_chardev_connected: { args: ["ptr"], returns: "i32" },
  /** int32_t script_chardev_opened(void *chardev) */
  script_chardev_opened: { args: ["ptr"], returns: "i32" },
  /** int32_t script_chardev_break(void *chardev, uint32_t on) */
  script_chardev_break: { args: ["ptr", "u32"], returns: "i32" },
  /**
   * int32_t script_chardev_parameters(void *chardev, uint32_t speed, uint32_t parity, uint32_t
   * data_bits, uint32_t stop_bits)
   */
  script_chardev_parameters: { args: ["ptr", "u32", "u32", "u32", "u32"], returns: "i32" },
  /** int32_t script_chardev_modem(void *chardev) */
  script_chardev_modem: { args: ["ptr"], returns: "i32" },
  /** int32_t script_chardev_set_modem(void *chardev, uint32_t lines) */
  script_chardev_set_modem: { args: ["ptr", "u32"], returns: "i32" },
  /** uint32_t script_dma_read(void *instance, uint32_t low, uint32_t high, void *bytes, uint64_t length) */
  script_dma_read: { args: ["ptr", "u32", "u32", "buffer", "buffer_length"], returns: "u32" },
  /**
   * uint32_t script_dma_write(void *instance, uint32_t low, uint32_t high, const void *bytes,
   * uint64_t length)
   */
  script_dma_write: { args: ["ptr", "u32", "u32", "buffer", "buffer_length"], returns: "u32" },
  /** uint32_t script_dma_fill(void *instance, uint32_t low, uint32_t high, uint32_t byte, double length) */
  script_dma_fill: { args: ["ptr", "u32", "u32", "u32", "f64"], returns: "u32" },
  /**
   * uint32_t script_dma_load(void *instance, uint32_t low, uint32_t high, uint32_t size, uint32_t
   * big_endian)
   */
  script_dma_load: { args: ["ptr", "u32", "u32", "u32", "u32"], returns: "u32" },
  /**
   * uint32_t script_dma_store(void *instance, uint32_t low, uint32_t high, uint32_t size, uint32_t
   * big_endian, uint32_t value_low, uint32_t value_high)
   */
  script_dma_store: { args: ["ptr", "u32", "u32", "u32", "u32", "u32", "u32"], returns: "u32" },
  /** void *script_dma_map(void *instance, uint32_t low, uint32_t high, double length, uint32_t write) */
  script_dma_map: { args: ["ptr", "u32", "u32", "f64", "u32"], returns: "ptr" },
  /** void *script_dma_window_bytes(void *window) */
  script_dma_window_bytes: { args: ["ptr"], returns: "ptr" },
  /** double script_dma_window_length(void *window) */
  script_dma_window_length: { args: ["ptr"], returns: "f64" },
  /** void script_dma_unmap(void *window) */
  script_dma_unmap: { args: ["ptr"], returns: "void" },
  /** uint32_t script_pci_config_get(void *instance, uint32_t address, uint32_t length) */
  script_pci_config_get: { args: ["ptr", "u32", "u32"], returns: "u32" },
  /** void script_pci_config_set(void *instance, uint32_t address, uint32_t value, uint32_t length) */
  script_pci_config_set: { args: ["ptr", "u32", "u32", "u32"], returns: "void" },
  /** void script_pci_config_allow(void *instance, uint32_t address, uint32_t mask, uint32_t length) */
  script_pci_config_allow: { args: ["ptr", "u32", "u32", "u32"], returns: "void" },
  /** uint32_t script_pci_config_read(void *instance, uint32_t address, uint32_t length) */
  script_pci_config_read: { args: ["ptr", "u32", "u32"], returns: "u32" },
  /** void script_pci_config_write(void *instance, uint32_t address, uint32_t value, uint32_t length) */
  script_pci_config_write: { args: ["ptr", "u32", "u32", "u32"], returns: "void" },
  /** void script_pci_irq_set(void *instance, uint32_t level) */
  script_pci_irq_set: { args: ["ptr", "u32"], returns: "void" },
  /** uint32_t script_pci_irq_level(void *instance) */
  script_pci_irq_level: { args: ["ptr"], returns: "u32" },
  /** uint32_t script_pci_msi_vectors(void *instance) */
  script_pci_msi_vectors: { args: ["ptr"], returns: "u32" },
  /** uint32_t script_pci_msi_notify(void *instance, uint32_t vector) */
  script_pci_msi_notify: { args: ["ptr", "u32"], returns: "u32" },
  /** uint32_t script_pci_msix_enabled(void *instance) */
  script_pci_msix_enabled: { args: ["ptr"], returns: "u32" },
  /** uint32_t script_pci_msix_notify(void *instance, uint32_t vector) */
  script_pci_msix_notify: { args: ["ptr", "u32"], returns: "u32" },
  /** uint32_t script_log_enabled(uint32_t mask) */
  script_log_enabled: { args: ["u32"], returns: "u32" },
  /** void script_log(uint32_t mask, const char *line) */
  script_log: { args: ["u32", "cstring"], returns: "void" },
  /** void *script_trace_count(void) */
  script_trace_count: { args: [], returns: "ptr" },
  /** void *script_trace_event(const char *name) */
  script_trace_event: { args: ["cstring"], returns: "ptr" },
  /** void script_trace(const char *name, const char *text) */
  script_trace: { args: ["cstring", "cstring"], returns: "void" },
  /** void script_request_shutdown(uint32_t status) */
  script_request_shutdown: { args: ["u32"], returns: "void" },
  /** void script_request_reset(void) */
  script_request_reset: { args: [], returns: "void" },
} as const satisfies Record<string, FFIFunction>;
