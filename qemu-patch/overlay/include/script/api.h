/*
 * Scripted devices: what the script engine calls through its FFI
 *
 * Only integers, doubles and pointers cross; scripts never see a struct of
 * QEMU's.  host/native/symbols.ts binds these functions; a test compares it
 * with this file, which therefore keeps one prototype to a statement.
 *
 * Unless said otherwise a function takes the BQL if its caller does not hold
 * it, and must be called on the engine's thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef SCRIPT_API_H
#define SCRIPT_API_H

/* Changes whenever this file or the layout below does */
#define SCRIPT_ABI 7

/* Why script_run() or script_answer() returned */
#define SCRIPT_RUN_REQUEST 1   /* the vCPU waits for an answer to frame 0 */
#define SCRIPT_RUN_YIELD 2     /* calls wait, or the event loop is due */
#define SCRIPT_RUN_IDLE 3      /* the vCPU sleeps */
#define SCRIPT_RUN_HANDLER 4   /* ... for that of a register: see ScriptWord.
                                  Greater by the number of one that reads; of
                                  one that writes, the number's negative. */

/* What a frame asks for */
#define SCRIPT_READ 1
#define SCRIPT_WRITE 2
#define SCRIPT_LOAD 3          /* pointer: path of a script; value: watch it */
#define SCRIPT_REALIZE 4       /* pointer: the instance */
#define SCRIPT_UNREALIZE 5
#define SCRIPT_RESET 6
#define SCRIPT_PRE_SAVE 7
#define SCRIPT_POST_LOAD 8     /* value: version */
#define SCRIPT_RECEIVE 9       /* size bytes in the byte buffer */
#define SCRIPT_CHR_EVENT 10    /* value: QEMUChrEvent, or the one below */
#define SCRIPT_CLOCK 11        /* offset: which clock input; bytes: period */
#define SCRIPT_GPIO 12         /* offset: inputs; value: line; high: level */
#define SCRIPT_TIMER 13        /* offset: which timer */
#define SCRIPT_RESET_ENTER 14  /* value: ResetType, as of the next two */
#define SCRIPT_RESET_HOLD 15
#define SCRIPT_RESET_EXIT 16
#define SCRIPT_INIT 17         /* pointer: the instance */
#define SCRIPT_UNPARENT 18
#define SCRIPT_FORGET 19       /* its object is gone */
#define SCRIPT_POST_SAVE 20
#define SCRIPT_PRE_LOAD 21
#define SCRIPT_RELOAD 22       /* pointer: path, or type if value is 1;
                                  offset: whether no vCPU runs */
#define SCRIPT_QUERY 23        /* the answer's text is a list of ScriptInfo;
                                  value 1: of what C serves, for people */
#define SCRIPT_ROOM 24         /* the room for input may be another */
#define SCRIPT_CONFIG_READ 26  /* size bytes at offset; value: QEMU's answer */
#define SCRIPT_CONFIG_WRITE 27
#define SCRIPT_PROP_GET 28     /* value: id; the answer's text is JSON */
#define SCRIPT_PROP_SET 29     /* value: id; pointer: JSON */
#define SCRIPT_NMI 31          /* value: the CPU's index */

/* The backend may take output that it did not take before */
#define SCRIPT_CHR_WRITABLE 256

/* A frame's status */
#define SCRIPT_FREE 0
#define SCRIPT_ASKED 1
#define SCRIPT_PENDING 2       /* the answer comes later */
#define SCRIPT_DONE 3

/* Result of a SCRIPT_LOAD whose script wants the program to end, status value */
#define SCRIPT_LOAD_EXIT 2

/* Result of a SCRIPT_POST_LOAD whose script will not have the state */
#define SCRIPT_POST_LOAD_REFUSED 2

/* Result of a SCRIPT_RELOAD that makes new types, for which no vCPU must run */
#define SCRIPT_RELOAD_PAUSE 3

/* In a frame's attrs: not from a vCPU, so there is nobody to wait */
#define SCRIPT_ATTR_NO_WAIT (1 << 2)

/* ... the engine was given the number of the handler */
#define SCRIPT_ATTR_HANDLER (1 << 3)

/* What a property of a script's holds, and what can be done with it */
#define SCRIPT_VALUE_BOOL 1
#define SCRIPT_VALUE_INT 2
#define SCRIPT_VALUE_UINT 3
#define SCRIPT_VALUE_SIZE 4
#define SCRIPT_VALUE_NUMBER 5
#define SCRIPT_VALUE_STR 6
#define SCRIPT_VALUE_ANY 7
#define SCRIPT_CAN_GET 1
#define SCRIPT_CAN_SET 2

#define SCRIPT_MAX_FRAMES 256
#define SCRIPT_MAX_ROOMS 4096
#define SCRIPT_MAX_BYTES 4096

/* Of one device: subsections, and bytes that it makes itself to be saved */
#define SCRIPT_MAX_SUBSECTIONS 31
#define SCRIPT_MAX_BLOB 16777216

/* The frame of the vCPU on the fiber, and that of posted calls */
#define SCRIPT_FIBER_FRAME 0
#define SCRIPT_POST_FRAME 1

typedef struct ScriptFrame {
    uint32_t kind;
    uint32_t target;       /* region slot, or instance id */
    uint32_t offset;
    uint32_t offset_high;
    uint32_t size;
    uint32_t value;
    uint32_t value_high;
    uint32_t result;       /* MemTxResult, or 0 for success */
    uint32_t status;
    uint32_t attrs;        /* bit 0 secure, 1 user, 16-31 requester */
    double pointer;
    uint32_t abort;        /* the caller must not wait any longer */
    uint32_t reserved[3];
} ScriptFrame;

/*
 * What C knows of a word of a region.  Some registers it serves by itself, from
 * the state block.  What a write leaves there: bits of rw as they are written,
 * those of w1c and w0c cleared by a 1 or a 0, those of w1s set by a 1, those of
 * wc cleared.  Others have handlers, which the engine knows by their numbers,
 * as script_run() and script_answer() return them.
 */
#define SCRIPT_DIRECT_READS 1
#define SCRIPT_DIRECT_WRITES 2

typedef struct ScriptWord {
    uint32_t how;          /* what C may do */
    uint32_t offset;       /* in the state block */
    uint32_t size;         /* 1, 2 or 4 bytes; 0 for a constant */
    uint32_t shown;        /* bits that can be read, or the constant */
    uint32_t rw;
    uint32_t w1c;
    uint32_t w1s;
    uint32_t w0c;
    uint32_t wc;
    uint32_t watched;      /* writing a 1 here is the script's to tell */
    uint32_t reader;       /* number of the handler, or 0 */
    uint32_t writer;
} ScriptWord;

typedef struct ScriptShared {
    uint32_t posts;        /* posted calls not yet taken */
    uint32_t calls;        /* waiting calls not yet taken */
    uint32_t tick;         /* the event loop should turn */
    uint32_t timeout;      /* of an idle vCPU in ms, or UINT32_MAX */
    /*
     * Lines that the handler of an access has driven last, and that lead
     * nowhere yet: they do before anything else can be seen of it.
     */
    uint32_t irq_owner;    /* see below */
    uint32_t place;        /* where the engine's thread is: for C only */
    uint32_t irq_levels;
    uint32_t irq_mask;     /* which lines; 0: the pin of a PCI device */
    uint32_t reserved[6];
    uint32_t dma_low;      /* what script_dma_load() found */
    uint32_t dma_high;
    ScriptFrame frames[SCRIPT_MAX_FRAMES];
    int32_t rooms[SCRIPT_MAX_ROOMS];
    uint8_t starved[SCRIPT_MAX_ROOMS];   /* the backend may hold input back */
    uint8_t bytes[SCRIPT_MAX_BYTES];
} ScriptShared;

/*
 * In irq_owner: lines cannot be left there, for no access waits for a script;
 * they can, and none are; they are, of the instance that has this id and this
 * added.
 */
#define SCRIPT_IRQ_NEVER 0
#define SCRIPT_IRQ_NONE 1
#define SCRIPT_IRQ_OF 2

/* Needs no BQL: identity and layout */
uint32_t script_abi(void);
ScriptShared *script_shared(void);

/* Starts QEMU on a thread of its own; argv comes from /proc/self/cmdline. */
void script_start(void *doorbell, void *dispatch);

/*
 * The vCPU; needs no BQL.  The answer is what the handler of a register
 * returned: only if nothing set the status of the frame, which has it then.
 */
int32_t script_run(void);
int32_t script_answer(int32_t answer);
int32_t script_arm(void);

/* Calls from other threads: a frame to serve, or -1 */
int32_t script_next(void);
void script_done(uint32_t frame);
void script_set_text(uint32_t frame, const char *text);
void script_set_error(uint32_t frame, const char *message);
void script_set_hint(uint32_t frame, const char *hint);

/*
 * Memory that crosses: what a function returns as "char *" is the caller's, to
 * give back by script_free().  Needs no BQL.
 */
void script_free(void *memory);
uint32_t script_text_length(const void *text);

/*
 * The error of the last function that can fail; it returned 0 or NULL then,
 * and only then.  Needs no BQL.
 */
const char *script_error_message(void);
const char *script_error_hint(void);
void script_error_clear(void);

/* Types: the error message, or NULL */
int32_t script_type_exists(const char *name);
const char *script_register_type(const char *json, const void *initial_state);
const char *script_shape_stage(const char *json, const void *initial_state);
void script_shape_commit(const char *type);
void script_shape_drop(const char *type);

/* Is the machine's run recorded, or replayed?  Needs no BQL */
int32_t script_replay_active(void);

/*
 * Reloading: why it cannot be now, or NULL; then, with the BQL held from hold
 * to release, what instances get under new code
 */
const char *script_reload_obstacle(void);
void script_reload_later(const char *path);
int32_t script_bql_hold(void);
void script_bql_release(void);
void *script_instance_stage(void *instance, uint32_t anew);
void script_instance_drop(void *instance);
void script_instance_commit(void *instance, uint32_t anew);
void script_instance_receives(void *instance, uint32_t index,
                              uint32_t receives);
void script_instance_drop_accessors(void *instance);
void script_event_reloaded(const char *path, uint32_t generation,
                           uint32_t instances);
void script_event_error(const char *path, const char *message);

/* Instances */
void *script_instance_state(void *instance);
int32_t script_instance_current(void *instance);
void script_instance_snapshot(void *instance, uint32_t needed);
void script_instance_restore(void *instance);
void script_instance_set_blob(void *instance, const void *bytes,
                              uint64_t length);
int32_t script_instance_blob_length(void *instance);
void *script_instance_blob(void *instance);
uint32_t script_instance_region(void *instance, uint32_t index);
void script_instance_words(void *instance, uint32_t index, const void *table,
                           uint64_t length, uint32_t reader, uint32_t writer);
void script_instance_hold(void *instance, uint32_t on);
void *script_instance_chardev(void *instance, uint32_t index);
int32_t script_chardev_room(void *chardev);
const char *script_instance_type(void *instance);
const char *script_instance_path(void *instance);
int32_t script_instance_super(void *instance, uint32_t kind);
void script_instance_free(uint32_t id);
void *script_instance_object(void *instance);

/*
 * Objects of QEMU's.  An object that is returned comes with a reference of the
 * caller's, to give back by script_object_unref().
 */
void *script_object_new(const char *type, const char *props);
void script_object_ref(void *object);
void script_object_unref(void *object);
const char *script_object_type(void *object);
char *script_object_class(void *object);
int32_t script_object_is_a(void *object, const char *type);
int32_t script_object_instance(void *object);
char *script_object_path(void *object);
void *script_object_root(void);
void *script_object_parent(void *object);
void *script_object_resolve(const char *path, const char *type);
void *script_object_child(void *object, const char *name);
char *script_object_children(void *object);
int32_t script_object_add_child(void *object, const char *name, void *child);
int32_t script_object_unparent(void *object);
int32_t script_device_realize_on(void *device, void *bus);

/* Their properties; values are JSON */
char *script_object_get(void *object, const char *name);
int32_t script_object_set(void *object, const char *name, const char *json);
char *script_object_properties(void *object);
int32_t script_object_add_link(void *object, const char *name,
                               const char *type);
void *script_object_get_link(void *object, const char *name);
int32_t script_property_add(void *instance, const char *name, const char *type,
                            const char *description, uint32_t kind,
                            uint32_t access, uint32_t id);
int32_t script_property_remove(void *instance, const char *name);

/* Weak references to them; a strong one from it, or NULL.  Needs no BQL */
void *script_weak_new(void *object);
void *script_weak_get(void *weak);
void script_weak_free(void *weak);

/*
 * Memory regions, by their place in the declaration.  Those that change one
 * return -1 unless the device is realized.
 */
void *script_region_ram(void *instance, uint32_t index);
void script_region_wrote(void *instance, uint32_t index, double offset,
                         double length);
int32_t script_region_enable(void *instance, uint32_t index, uint32_t on);
uint32_t script_region_enabled(void *instance, uint32_t index);
int32_t script_region_move(void *instance, uint32_t index, double at);
double script_region_at(void *instance, uint32_t index);

/* Interrupt lines */
void script_irq_set(void *instance, uint32_t line, uint32_t level);
void script_irq_drive(void *instance, uint32_t levels, uint32_t mask);

/*
 * GPIO: outputs are numbered across the arrays.  Connecting returns the error
 * message or NULL; the name of unnamed inputs is NULL.
 */
void script_gpio_set(void *instance, uint32_t line, uint32_t level);
void script_gpio_drive(void *instance, uint32_t first, uint32_t count,
                       uint32_t levels);
uint32_t script_gpio_level(void *instance, uint32_t input, uint32_t line);
uint32_t script_gpio_first(void *instance, uint32_t input);
const char *script_gpio_connect(void *instance, uint32_t line, void *object,
                                const char *input, uint32_t input_line);
const char *script_irq_connect(void *instance, uint32_t line, void *object,
                               const char *input, uint32_t input_line);

/* Clocks */
double script_clock_hz(void *instance, uint32_t index);
double script_clock_period_ns(void *instance, uint32_t index);
uint64_t script_clock_period(void *instance, uint32_t index);
void script_clock_set_hz(void *instance, uint32_t index, double hz);
void script_clock_set_ns(void *instance, uint32_t index, double ns);
void script_clock_set_period(void *instance, uint32_t index, uint32_t low,
                             uint32_t high);
void script_clock_scale(void *instance, uint32_t index, uint32_t multiplier,
                        uint32_t divider);
const char *script_clock_path(void *instance, uint32_t index);
const char *script_clock_connect(void *instance, uint32_t index,
                                 const char *path);

/* Timers; a time is in ns of the timer's clock; -1 before realize */
int32_t script_timer_at(void *instance, uint32_t index, double ns);
int32_t script_timer_at_exact(void *instance, uint32_t index, uint32_t low,
                              uint32_t high);
int32_t script_timer_after(void *instance, uint32_t index, double ns);
int32_t script_timer_every(void *instance, uint32_t index, double ns);
void script_timer_stop(void *instance, uint32_t index);
uint32_t script_timer_take(void *instance, uint32_t index);
double script_timer_expires(void *instance, uint32_t index);
int64_t script_timer_expires_exact(void *instance, uint32_t index);

/* What a clock of QEMU's says, in ns */
double script_clock_ns(uint32_t clock);
int64_t script_clock_ns_exact(uint32_t clock);

/* Character devices */
void script_chardev_put(void *chardev, uint32_t byte);
void script_chardev_write_all(void *chardev, const void *bytes,
                              uint64_t length);
int32_t script_chardev_write(void *chardev, const void *bytes, uint64_t length);
void script_chardev_accept(void *chardev);

/* The backend: attaching returns the error message or NULL */
const char *script_chardev_open_id(void *chardev, const char *id);
void script_chardev_close(void *chardev);
int32_t script_chardev_connected(void *chardev);
int32_t script_chardev_opened(void *chardev);

/* The line; 0 for success, modem lines or -1 */
int32_t script_chardev_break(void *chardev, uint32_t on);
int32_t script_chardev_parameters(void *chardev, uint32_t speed,
                                  uint32_t parity, uint32_t data_bits,
                                  uint32_t stop_bits);
int32_t script_chardev_modem(void *chardev);
int32_t script_chardev_set_modem(void *chardev, uint32_t lines);

/* Guest memory, as the device sees it: MemTxResult */
uint32_t script_dma_read(void *instance, uint32_t low, uint32_t high,
                         void *bytes, uint64_t length);
uint32_t script_dma_write(void *instance, uint32_t low, uint32_t high,
                          const void *bytes, uint64_t length);
uint32_t script_dma_fill(void *instance, uint32_t low, uint32_t high,
                         uint32_t byte, double length);
uint32_t script_dma_load(void *instance, uint32_t low, uint32_t high,
                         uint32_t size, uint32_t big_endian);
uint32_t script_dma_store(void *instance, uint32_t low, uint32_t high,
                          uint32_t size, uint32_t big_endian,
                          uint32_t value_low, uint32_t value_high);
void *script_dma_map(void *instance, uint32_t low, uint32_t high,
                     double length, uint32_t write);
void *script_dma_window_bytes(void *window);
double script_dma_window_length(void *window);
void script_dma_unmap(void *window);

/*
 * PCI: bytes of configuration space, what QEMU does when the guest accesses
 * it, and interrupts
 */
uint32_t script_pci_config_get(void *instance, uint32_t address,
                               uint32_t length);
void script_pci_config_set(void *instance, uint32_t address, uint32_t value,
                           uint32_t length);
void script_pci_config_allow(void *instance, uint32_t address, uint32_t mask,
                             uint32_t length);
uint32_t script_pci_config_read(void *instance, uint32_t address,
                                uint32_t length);
void script_pci_config_write(void *instance, uint32_t address, uint32_t value,
                             uint32_t length);
void script_pci_irq_set(void *instance, uint32_t level);
uint32_t script_pci_irq_level(void *instance);
uint32_t script_pci_msi_vectors(void *instance);
uint32_t script_pci_msi_notify(void *instance, uint32_t vector);
uint32_t script_pci_msix_enabled(void *instance);
uint32_t script_pci_msix_notify(void *instance, uint32_t vector);

/* Logging: may it be seen, and a line of it */
uint32_t script_log_enabled(uint32_t mask);
void script_log(uint32_t mask, const char *line);

/*
 * Tracing: how many events are enabled, the state of the event of a name,
 * which exists from then on, and what happened.  These places stay.
 */
void *script_trace_count(void);
void *script_trace_event(const char *name);
void script_trace(const char *name, const char *text);

/* Requests to the machine */
void script_request_shutdown(uint32_t status);
void script_request_reset(void);

#endif
